#include "testdata/guest/fpu.h"

#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/process.h"

namespace guest {
namespace {

FpuState* owner;  // whose registers the FPU holds
uint32_t loads;

void HandleFpuNotAvailable(TrapFrame& frame) {
  if (!frame.FromUser()) Crash("the kernel used the FPU");
  CallHost(Hypercall::kTs, 0);
  owner = &CurrentProcess().fpu;
  if (owner->used) {
    asm volatile("frstor %0" : : "m"(owner->registers));
  } else {
    asm volatile("fninit");
    owner->used = true;
  }
  ++loads;
}

}  // namespace

void InitFpu() {
  SetTrapHandler(kFpuNotAvailable, HandleFpuNotAvailable);
  CallHost(Hypercall::kTs, 1);
}

void SaveFpu(FpuState& state) {
  if (owner != &state) return;
  // fnsave leaves the FPU initialised, so what it saved goes back in.
  asm volatile("fnsave %0; frstor %0" : "+m"(state.registers));
}

void ParkFpu(FpuState& state) {
  if (owner != &state) return;
  // While TS is set the host has the FPU's registers for itself: what is not saved now is lost.
  asm volatile("fnsave %0" : "=m"(state.registers));
  CallHost(Hypercall::kTs, 1);
  owner = nullptr;
}

uint32_t FpuLoads() { return loads; }

}  // namespace guest
