#include "hostsim/testing/script.h"

#include <cstring>
#include <utility>

namespace lguest::hostsim {
namespace {

std::string_view AsBytes(const uint32_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

constexpr uint32_t kInterruptGateFlags = 0x8e00;

}  // namespace

Script& Script::Add(Action::Op op, std::vector<uint32_t> numbers, std::string_view bytes) {
  actions_.push_back(
      {.op = op, .numbers = std::move(numbers), .bytes = std::string(bytes), .line = line_});
  return *this;
}

Script& Script::Init() {
  Put32(kData.value() + offsetof(LguestData, irq_enabled), kInterruptFlag);
  Put(kData.value() + offsetof(LguestData, hcall_status),
      std::string(kHypercallRingSize, static_cast<char>(kHypercallDone)));
  Call(Hypercall::kLguestInit, kData.value());
  Call(Hypercall::kSetStack, kGuestKernelDs, kPageOffset + kStackTop, 1);
  for (uint32_t irq = 0; irq < kInterrupts; ++irq) {
    const uint32_t handler = kHandlers + 16 * irq;
    Call(Hypercall::kLoadIdtEntry, kFirstIrqVector + irq,
         (uint32_t{kGuestKernelCs} << 16) | (handler & 0xffff),
         (handler & 0xffff0000) | kInterruptGateFlags);
  }
  return *this;
}

Script& Script::Dma(uint32_t addr, const std::vector<Section>& sections, uint32_t used_len) {
  lguest::Dma dma = {};
  dma.used_len = used_len;
  for (size_t i = 0; i < sections.size() && i < kMaxDmaSections; ++i) {
    dma.addr[i] = sections[i].addr;
    dma.len[i] = sections[i].len;
  }
  return Put(addr, {reinterpret_cast<const char*>(&dma), sizeof(dma)});
}

Script& Script::Bind(DmaKey key, GuestPhys array, uint32_t count, uint32_t irq) {
  return Call(Hypercall::kBindDma, key.value(), array.value(), (count << 8) | irq);
}

Script& Script::Unbind(DmaKey key, GuestPhys array) {
  return Call(Hypercall::kBindDma, key.value(), array.value(), 0);
}

Script& Script::Send(DmaKey key, GuestPhys dma) {
  return Call(Hypercall::kSendDma, key.value(), dma.value());
}

Script& Script::Put(uint32_t addr, std::string_view bytes) {
  return Add(Action::Op::kPut, {addr}, bytes);
}

Script& Script::Put32(uint32_t addr, uint32_t value) { return Put(addr, AsBytes(value)); }

Script& Script::Call(Hypercall call, uint32_t edx, uint32_t ebx, uint32_t ecx) {
  return Add(Action::Op::kHypercall, {static_cast<uint32_t>(call), edx, ebx, ecx});
}

Script& Script::Ring(Hypercall call, uint32_t edx, uint32_t ebx, uint32_t ecx) {
  return Add(Action::Op::kRing, {static_cast<uint32_t>(call), edx, ebx, ecx});
}

Script& Script::Trap(uint8_t vector, uint32_t error_code, uint32_t cr2) {
  return Add(Action::Op::kTrap, {vector, error_code, cr2});
}

Script& Script::SoftwareInterrupt(uint8_t vector) { return Add(Action::Op::kSoftware, {vector}); }

Script& Script::SetRegister(uint32_t number, uint32_t value) {
  return Add(Action::Op::kRegister, {number, value});
}

Script& Script::Wait(uint32_t irq) { return Add(Action::Op::kWait, {irq}); }

Script& Script::Spin(uint32_t irq) { return Add(Action::Op::kSpin, {irq}); }

Script& Script::Expect(uint32_t addr, std::string_view bytes) {
  return Add(Action::Op::kExpectBytes, {addr}, bytes);
}

Script& Script::Expect32(uint32_t addr, uint32_t value) { return Expect(addr, AsBytes(value)); }

Script& Script::ExpectResult(uint32_t eax) { return Add(Action::Op::kExpectResult, {eax}); }

Script& Script::Crash(std::string_view text) { return Add(Action::Op::kCrash, {}, text); }

}  // namespace lguest::hostsim
