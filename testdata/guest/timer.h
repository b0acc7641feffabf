// The host's one-shot timer, and periodic ticks made of it.

#ifndef TESTDATA_GUEST_TIMER_H_
#define TESTDATA_GUEST_TIMER_H_

#include <cstdint>

#include "testdata/guest/interrupts.h"

namespace guest {

inline constexpr uint32_t kTickMs = 10;

void InitTimer();

// Makes the timer interrupt once, in `nanoseconds`. 0 cancels the timer.
void ArmTimer(uint32_t nanoseconds);

// Returns the number of timer interrupts since the start.
uint32_t TimerInterrupts();

// While at least one object exists, the timer interrupts periodically. The first object sets the
// period.
class Ticking {
 public:
  explicit Ticking(uint32_t every_ms = kTickMs);
  ~Ticking();
  Ticking(const Ticking&) = delete;
  Ticking& operator=(const Ticking&) = delete;
};

// Sleeps until `condition` holds, which an interrupt must cause. Returns false after `timeout_ms`.
// 0 means no limit.
template <typename Condition>
bool WaitFor(const Condition& condition, uint32_t timeout_ms = 0) {
  const InterruptsOff off;
  if (timeout_ms == 0) {
    while (!condition()) {
      Halt();
      DisableInterrupts();
    }
    return true;
  }
  const Ticking ticking;
  const uint32_t end = TimerInterrupts() + timeout_ms / kTickMs + 1;
  while (!condition()) {
    if (TimerInterrupts() >= end) return false;
    Halt();
    DisableInterrupts();
  }
  return true;
}

inline void SleepMs(uint32_t ms) {
  WaitFor([] { return false; }, ms);
}

}  // namespace guest

#endif  // TESTDATA_GUEST_TIMER_H_
