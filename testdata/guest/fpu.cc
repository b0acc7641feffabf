#include "testdata/guest/fpu.h"

#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/process.h"

namespace guest {
namespace {

FpuState* owner;  // its registers are in the FPU
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
  // fnsave resets the FPU, so load the saved registers again.
  asm volatile("fnsave %0; frstor %0" : "+m"(state.registers));
}

void ParkFpu(FpuState& state) {
  if (owner != &state) return;
  // While TS is set, the host may use the FPU. Registers that are not saved now are lost.
  asm volatile("fnsave %0" : "=m"(state.registers));
  CallHost(Hypercall::kTs, 1);
  owner = nullptr;
}

uint32_t FpuLoads() { return loads; }

}  // namespace guest
