#include "hostsim/softcpu/differential/soft_machine.h"

namespace lguest::hostsim {
namespace {

// Guest-physical addresses.
constexpr uint32_t kDataPhys = kFree;
constexpr uint32_t kStackPhys = kDataPhys + kDataPages * kPage;
constexpr uint32_t kHelperPhys = kStackPhys + kStackPages * kPage;
constexpr uint32_t kImagePhys = kHelperPhys + kPage;

// A page of kernel code that stores the FPU state, and a page for the state.
constexpr uint32_t kHelperAddress = kPageOffset + kHelperPhys;
constexpr uint32_t kImageAddress = kPageOffset + kImagePhys;

static_assert(kCodeAddress == kUserCode && kCodePages == kUserCodePages);

constexpr Register kGeneral[] = {Register::kEax, Register::kEcx, Register::kEdx, Register::kEbx,
                                 Register::kEsp, Register::kEbp, Register::kEsi, Register::kEdi};

}  // namespace

SoftMachine::SoftMachine() {
  machine_.Map(kUserStackTop - kPage, 0, 0);  // not mapped in the native process
  for (uint32_t page = 0; page < kDataPages; ++page) {
    machine_.Map(kDataAddress + page * kPage, kDataPhys + page * kPage,
                 page < kWritableDataPages ? kP | kU | kW : kP | kU);
  }
  for (uint32_t page = 0; page < kStackPages; ++page) {
    machine_.Map(kStackAddress + page * kPage, kStackPhys + page * kPage, kP | kU | kW);
  }
  MachineCode helper = {0x0f, 0xae, 0x05};  // fxsave kImageAddress; int
  for (int shift = 0; shift < 32; shift += 8) {
    helper.push_back(static_cast<uint8_t>(kImageAddress >> shift));
  }
  helper.insert(helper.end(), {0xcd, kDone});
  machine_.PokeBytes(kHelperPhys, helper);
}

void SoftMachine::SetCode(uint32_t address, std::span<const uint8_t> bytes) {
  machine_.PokeBytes(kCodePhys + (address - kCodeAddress), MachineCode(bytes.begin(), bytes.end()));
}

std::span<uint8_t> SoftMachine::Memory(uint32_t phys, uint32_t pages) {
  return {reinterpret_cast<uint8_t*>(machine_.memory->base()) + phys, size_t{pages} * kPage};
}

std::span<uint8_t> SoftMachine::data() { return Memory(kDataPhys, kDataPages); }

std::span<uint8_t> SoftMachine::stack() { return Memory(kStackPhys, kStackPages); }

Outcome SoftMachine::Run(const CpuState& start, bool with_fpu) {
  Vcpu& cpu = *machine_.cpu;
  machine_.EnterRing(3);
  for (size_t i = 0; i < start.regs.size(); ++i) cpu.Set(kGeneral[i], start.regs[i]);
  cpu.Set(Register::kEip, start.eip);
  cpu.Set(Register::kEflags, start.eflags);
  const Trap trap = machine_.RunToTrap();

  Outcome outcome;
  for (size_t i = 0; i < start.regs.size(); ++i) outcome.cpu.regs[i] = cpu.Get(kGeneral[i]);
  outcome.cpu.eip = cpu.Get(Register::kEip);
  outcome.cpu.eflags = cpu.Get(Register::kEflags);
  outcome.vector = trap.vector;
  outcome.error_code = trap.error_code;
  outcome.cr2 = trap.cr2;
  if (with_fpu) outcome.fpu = ReadFpu();
  return outcome;
}

FpuState SoftMachine::ReadFpu() {
  machine_.EnterRing(1);
  machine_.cpu->Set(Register::kEip, kHelperAddress);
  machine_.RunToTrap();
  return DecodeFxsave(Memory(kImagePhys, 1).data());
}

}  // namespace lguest::hostsim
