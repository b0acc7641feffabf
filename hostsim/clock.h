// Time, as a software host sees it: real, or in a test's hands.

#ifndef HOSTSIM_CLOCK_H_
#define HOSTSIM_CLOCK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

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

  // Who is called when an alarm is due, on a thread of the clock's; nullptr: nobody any more, and a
  // call that was under way has returned.
  virtual void SetAlarmCallback(std::function<void()> callback) = 0;

  // One alarm at `deadline`, in place of the one before; nullopt: none.
  virtual void SetAlarm(std::optional<Nanos> deadline) = 0;

  // Waits for `wakeup` with `lock` held (given up meanwhile), or until `deadline` has come. May
  // return early.
  virtual void Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                    std::optional<Nanos> deadline) = 0;
};

// The machine's own monotonic and wall clocks.
std::unique_ptr<Clock> NewRealClock();

}  // namespace lguest::hostsim

#endif  // HOSTSIM_CLOCK_H_
