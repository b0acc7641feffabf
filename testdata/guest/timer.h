// The one-shot clock of the host, and ticks made of it.

#ifndef TESTDATA_GUEST_TIMER_H_
#define TESTDATA_GUEST_TIMER_H_

#include <cstdint>

#include "testdata/guest/interrupts.h"

namespace guest {

inline constexpr uint32_t kTickMs = 10;

void InitTimer();

// The timer interrupts once, so many nanoseconds from now. 0 calls it off.
void ArmTimer(uint32_t nanoseconds);

// Timer interrupts since the start.
uint32_t TimerInterrupts();

// While at least one of these lives the timer interrupts, as often as the first of them says.
class Ticking {
 public:
  explicit Ticking(uint32_t every_ms = kTickMs);
  ~Ticking();
  Ticking(const Ticking&) = delete;
  Ticking& operator=(const Ticking&) = delete;
};

// Sleeps until `condition` holds, which an interrupt must bring about; false when it does not
// within `timeout_ms` (no limit: 0).
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
