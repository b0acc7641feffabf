// A clock that advances only when a test advances it or a thread waits for it.

#ifndef HOSTSIM_TESTING_FAKE_CLOCK_H_
#define HOSTSIM_TESTING_FAKE_CLOCK_H_

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "hostsim/clock.h"

namespace lguest::hostsim {

class FakeClock final : public Clock {
 public:
  static constexpr Nanos kNanosPerSecond = 1'000'000'000;

  // Advances the time. Runs the alarm callback on this thread if the alarm is due.
  void Advance(Nanos by) {
    std::function<void()> due;
    {
      const std::lock_guard lock(mutex_);
      now_ += by;
      if (alarm_.has_value() && *alarm_ <= now_) {
        alarm_.reset();
        due = callback_;
      }
    }
    if (due) due();
  }

  std::optional<Nanos> alarm() {
    const std::lock_guard lock(mutex_);
    return alarm_;
  }

  Nanos Now() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  GuestTime WallTime() override {
    const Nanos now = Now();
    return {.sec = static_cast<uint32_t>(now / kNanosPerSecond),
            .nsec = static_cast<uint32_t>(now % kNanosPerSecond)};
  }

  void SetAlarmCallback(std::function<void()> callback) override {
    const std::lock_guard lock(mutex_);
    callback_ = std::move(callback);
  }

  void SetAlarm(std::optional<Nanos> deadline) override {
    const std::lock_guard lock(mutex_);
    alarm_ = deadline;
  }

  // A wait with a deadline advances the time to the deadline and returns at once.
  void Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
            std::optional<Nanos> deadline) override {
    if (!deadline.has_value()) {
      wakeup.wait(lock);
      return;
    }
    const std::lock_guard own(mutex_);
    now_ = std::max(now_, *deadline);
  }

 private:
  std::mutex mutex_;
  Nanos now_ = kNanosPerSecond;
  std::optional<Nanos> alarm_;
  std::function<void()> callback_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_FAKE_CLOCK_H_
