// Time, as a software host sees it: real, or in a test's hands.

#ifndef HOSTSIM_CLOCK_H_
#define HOSTSIM_CLOCK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/synchronization/mutex.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {

// Nanoseconds since some moment, never going back.
using Nanos = int64_t;

class Clock {
 public:
  virtual ~Clock() = default;

  virtual Nanos Now() = 0;

  // Seconds and nanoseconds since 1970.
  virtual GuestTime WallTime() = 0;

  // At `deadline` `callback` is called once, on a thread of the clock's; nullopt: never. Replaces the deadline before,
  // whose callback may be running already. `callback` is given once, by OnAlarm(), before the first SetAlarm().
  virtual void OnAlarm(std::function<void()> callback) = 0;
  virtual void SetAlarm(std::optional<Nanos> deadline) = 0;

  // Blocks until `wakeup` is signalled (with `mutex` held, which is given up meanwhile) or `deadline` has come; may wake
  // early.
  virtual void Wait(absl::Mutex& mutex, absl::CondVar& wakeup, std::optional<Nanos> deadline) = 0;
};

// The machine's own monotonic and wall clocks.
std::unique_ptr<Clock> NewRealClock();

}  // namespace lguest::hostsim

#endif  // HOSTSIM_CLOCK_H_
