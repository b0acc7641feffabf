#include "testdata/guest/timer.h"

#include "testdata/guest/hypercall.h"

namespace guest {
namespace {

constexpr uint32_t kNanosecondsPerMs = 1'000'000;

uint32_t interrupts;
uint32_t tickers;
uint32_t tick_ms;  // while a Ticking object exists

void ArmTick() { ArmTimer(tick_ms * kNanosecondsPerMs); }

void HandleTimer(TrapFrame& /*frame*/) {
  ++interrupts;
  if (tickers > 0) ArmTick();
}

}  // namespace

void InitTimer() { SetInterruptHandler(lguest::kTimerIrq, HandleTimer); }

void ArmTimer(uint32_t nanoseconds) { CallHost(Hypercall::kSetClockevent, nanoseconds); }

uint32_t TimerInterrupts() { return ReadOnce(interrupts); }

Ticking::Ticking(uint32_t every_ms) {
  const InterruptsOff off;
  if (tickers++ > 0) return;
  tick_ms = every_ms;
  ArmTick();
}

Ticking::~Ticking() {
  const InterruptsOff off;
  if (--tickers == 0) ArmTimer(0);
}

}  // namespace guest
