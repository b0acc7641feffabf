#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "hostsim/clock.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/thread.h"

namespace lguest::hostsim {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

SteadyTime At(Nanos nanos) { return SteadyTime(std::chrono::nanoseconds(nanos)); }

class RealClock final : public Clock {
 public:
  ~RealClock() override {
    if (!thread_.is_running()) return;  // it could not be started
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.Join();
  }

  // Starts the thread. Once.
  absl::Status Start() {
    ASSIGN_OR_RETURN(thread_, Thread::Start([this] { RunAlarms(); }));
    return absl::OkStatus();
  }

  Nanos Now() override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  GuestTime WallTime() override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds);
    return {.sec = static_cast<uint32_t>(seconds.count()),
            .nsec = static_cast<uint32_t>(rest.count())};
  }

  void SetAlarmCallback(std::function<void()> callback) override {
    const std::lock_guard calling(call_mutex_);
    callback_ = std::move(callback);
  }

  void SetAlarm(std::optional<Nanos> deadline) override {
    bool is_sooner = false;
    {
      const std::lock_guard lock(mutex_);
      deadline_ = deadline;
      is_sooner = deadline.has_value() && (!wakes_at_.has_value() || *deadline < *wakes_at_);
      if (is_sooner) wakes_at_ = deadline;
    }
    // If the new deadline is not before wakes_at_, do not wake the thread: it reads deadline_ when
    // it wakes up anyway. A guest that waits for its disk removes the alarm and sets it again for
    // each request. The thread wakes up once for many of these requests.
    if (is_sooner) changed_.notify_one();
  }

  void Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
            std::optional<Nanos> deadline) override {
    if (deadline.has_value()) {
      wakeup.wait_until(lock, At(*deadline));
    } else {
      wakeup.wait(lock);
    }
  }

 private:
  void RunAlarms() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (deadline_.has_value() && Now() >= *deadline_) {
        deadline_.reset();
        lock.unlock();
        Call();
        lock.lock();
        continue;
      }
      if (!wakes_at_.has_value() || Now() >= *wakes_at_) wakes_at_ = deadline_;
      Wait(lock, changed_, wakes_at_);
    }
  }

  void Call() {
    const std::lock_guard calling(call_mutex_);
    if (callback_) callback_();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Nanos> deadline_;
  // The time at which thread_ wakes up without a notification; nullopt: never. It may be before
  // deadline_.
  std::optional<Nanos> wakes_at_;
  bool stopping_ = false;

  std::mutex call_mutex_;  // held during a call of callback_
  std::function<void()> callback_;

  Thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Clock>> NewRealClock() {
  auto clock = std::make_unique<RealClock>();
  RETURN_IF_ERROR(clock->Start());
  return clock;
}

}  // namespace lguest::hostsim
