#include "hostsim/testing/counted_guest.h"

#include "hostsim/i386/constants.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kChanged = 0x2f;  // offset of the byte of code that the program changes

MachineCode Program(uint8_t rounds) {
  return {
      0xb9, rounds, 0,    0,    0,           // mov $rounds,%ecx
      0x51,                                  // 1: push %ecx
      0x0f, 0x31,                            // rdtsc
      0x01, 0xc3,                            // add %eax,%ebx
      0xbf, 0,      0,    0x20, 0xc0,        // mov $kFree,%edi
      0xb9, 4,      0,    0,    0,           // mov $4,%ecx
      0xf3, 0xaa,                            // rep stosb
      0xcd, 0x80,                            // int $0x80
      0x43,                                  // inc %ebx
      0xa1, 0,      0,    0,    0x50,        // mov 0x50000000,%eax: page fault
      0x43,                                  // inc %ebx
      0x0f, 0x0b,                            // ud2
      0xf4,                                  // hlt: #GP
      0xb0, 0x7f,                            // mov $0x7f,%al
      0x04, 1,                               // add $1,%al
      0xce,                                  // into
      0x43,                                  // inc %ebx
      0xfe, 0x05,   0x2f, 0,    0x10, 0xc0,  // incb kChanged
      0xb2, 0,                               // mov $0,%dl, with kChanged as operand
      0xe1, 0,                               // loope .+2
      0x59,                                  // pop %ecx
      0x49,                                  // dec %ecx
      0x75, 0xcf,                            // jnz 1b
      0xcd, kDone,
  };
}

}  // namespace

bool CountedGuest::Handler::OnTrap(const Trap& trap) {
  if (trap.kind == Trap::Kind::kSoftwareInterrupt) return trap.vector != kDone;
  const uint32_t length = trap.vector == kPageFault ? 5 : trap.vector == kInvalidOpcode ? 2 : 1;
  cpu_.Set(Register::kEip, cpu_.Get(Register::kEip) + length);
  return true;
}

CountedGuest::CountedGuest(uint8_t rounds, const TestPlatform& platform)
    : machine_(platform), handler_(*machine_.cpu) {
  machine_.Load(1, Program(rounds));
  counted().SetTimeStamp({.offset = 1000, .per_instruction = 3});
}

bool CountedGuest::Run() {
  const auto stop = machine_.cpu->Run(handler_);
  return stop.ok() && *stop == Vcpu::Stop::kCount;
}

CountedGuest::State CountedGuest::RunTo(uint64_t count) {
  counted().StopAt(count);
  Run();
  return Now();
}

CountedGuest::State CountedGuest::RunWithStops(
    const std::function<uint64_t(uint32_t n)>& distance) {
  uint32_t n = 0;
  do {
    counted().StopAt(counted().count() + distance(n++));
  } while (Run());
  return Now();
}

CountedGuest::State CountedGuest::Now() {
  State state;
  state.count = counted().count();
  for (uint32_t i = 0; i < state.registers.size(); ++i) {
    state.registers[i] = machine_.reg(static_cast<Register>(i));
  }
  state.eflags = machine_.reg(Register::kEflags);
  for (uint32_t i = 0; i < state.stack.size(); ++i) {
    state.stack[i] = machine_.Peek(kKernelStackTop - kPageOffset - 4 * (i + 1));
  }
  state.stored = machine_.Peek(kFree);
  state.code = machine_.Peek(kCodePhys + (kChanged & ~3u));
  return state;
}

}  // namespace lguest::hostsim
