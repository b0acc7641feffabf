#include "hostsim/virtual_clock.h"

#include <algorithm>
#include <utility>

namespace lguest::hostsim {
namespace {

constexpr Nanos kNanosPerSecond = 1'000'000'000;

}  // namespace

VirtualClock::VirtualClock(CountStops& stops, const Settings& settings)
    : stops_(stops), cpu_(stops.cpu()), stop_(stops.Add([this] { Ring(); })), settings_(settings) {
  Skip(0);
}

Nanos VirtualClock::Now() {
  return static_cast<Nanos>(cpu_.count()) * settings_.nanos_per_instruction + skipped_;
}

GuestTime VirtualClock::WallTime() {
  const Nanos nanos = settings_.start.nsec + Now();
  return {.sec = settings_.start.sec + static_cast<uint32_t>(nanos / kNanosPerSecond),
          .nsec = static_cast<uint32_t>(nanos % kNanosPerSecond)};
}

void VirtualClock::SetAlarmCallback(std::function<void()> callback) {
  callback_ = std::move(callback);
}

void VirtualClock::SetAlarm(std::optional<Nanos> deadline) {
  alarm_ = deadline;
  if (!deadline.has_value()) return stops_.Set(stop_, std::nullopt);
  // The first count at which the deadline is reached.
  const Nanos rest = std::max<Nanos>(*deadline - Now(), 0);
  const Nanos per_instruction = settings_.nanos_per_instruction;
  const Nanos instructions = rest / per_instruction + (rest % per_instruction != 0 ? 1 : 0);
  stops_.Set(stop_, cpu_.count() + static_cast<uint64_t>(instructions));
}

void VirtualClock::Ring() {
  if (!alarm_.has_value() || Now() < *alarm_) return;
  alarm_.reset();
  if (callback_) callback_();
}

void VirtualClock::Wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                        std::optional<Nanos> deadline) {
  std::optional<Nanos> limit;
  if (deadline.has_value()) limit = std::max<Nanos>(*deadline - Now(), 0);
  if (idle_) {
    lock.unlock();
    const Nanos passed = idle_(limit);
    lock.lock();
    Skip(passed);
  } else if (limit.has_value()) {
    Skip(*limit);
  } else {
    wakeup.wait(lock);
  }
}

void VirtualClock::Skip(Nanos time) {
  skipped_ += time;
  cpu_.SetTimeStamp({.offset = static_cast<uint64_t>(skipped_),
                     .per_instruction = static_cast<uint64_t>(settings_.nanos_per_instruction)});
  if (alarm_.has_value()) SetAlarm(alarm_);
}

}  // namespace lguest::hostsim
