// The clock of a software host: real, virtual (virtual_clock.h), or a fake one for tests.

#ifndef HOSTSIM_CLOCK_H_
#define HOSTSIM_CLOCK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/statusor.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {

// Nanoseconds on a monotonic clock, since an unspecified time.
using Nanos = int64_t;

class Clock {
 public:
  virtual ~Clock() = default;

  virtual Nanos Now() = 0;

  // Seconds and nanoseconds since 1970.
  virtual GuestTime WallTime() = 0;

  // Sets the function that the clock calls when the alarm is due, on its own thread or in
  // HandleCountStop(). nullptr: no function. When this returns, no call of the previous function is
  // in progress.
  virtual void SetAlarmCallback(std::function<void()> callback) = 0;

  // Sets the alarm to `deadline`. It replaces the previous alarm. nullopt: no alarm.
  virtual void SetAlarm(std::optional<Nanos> deadline) = 0;

  // The host's CPU has stopped at a count (Vcpu::Stop::kCount). Called on the thread of the guest's
  // owner. A clock whose alarms are such stops checks its alarm.
  virtual void HandleCountStop() {}

  // Waits for `wakeup` until `deadline`. The caller holds `lock`; it is released during the wait.
  // May return early.
  virtual void Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                    std::optional<Nanos> deadline) = 0;
};

// Returns a clock that reads the system's monotonic and wall clocks. ResourceExhausted if there is
// no thread to be had for its alarm.
absl::StatusOr<std::unique_ptr<Clock>> NewRealClock();

}  // namespace lguest::hostsim

#endif  // HOSTSIM_CLOCK_H_
