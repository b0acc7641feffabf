#include "testdata/guest/fpu.h"

#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/process.h"

namespace guest {
namespace {

FpuState* owner;  // whose registers the FPU holds
uint32_t switches;

void Save(FpuState& state) {
  // fnsave leaves the FPU initialised, so what it saved goes back in.
  asm volatile("fnsave %0; frstor %0" : "+m"(state.registers));
}

void HandleFpuNotAvailable(TrapFrame& frame) {
  if (!frame.FromUser()) Crash("the kernel used the FPU");
  CallHost(Hypercall::kTs, 0);
  if (owner != nullptr) Save(*owner);
  owner = &CurrentProcess().fpu;
  if (owner->used) {
    asm volatile("frstor %0" : : "m"(owner->registers));
  } else {
    asm volatile("fninit");
    owner->used = true;
  }
  ++switches;
}

}  // namespace

void InitFpu() {
  SetTrapHandler(kFpuNotAvailable, HandleFpuNotAvailable);
  CallHost(Hypercall::kTs, 1);
}

void PrepareFpu(FpuState& state) { CallHost(Hypercall::kTs, owner == &state ? 0 : 1); }

void SaveFpu(FpuState& state) {
  if (owner == &state) Save(state);
}

void ForgetFpu(const FpuState& state) {
  if (owner == &state) owner = nullptr;
}

uint32_t FpuSwitches() { return switches; }

}  // namespace guest
