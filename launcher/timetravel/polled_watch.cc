#include "launcher/timetravel/polled_watch.h"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

#include "launcher/base/vector_io.h"

namespace lguest::timetravel {
namespace {

using hostsim::Nanos;

constexpr Nanos kNanosPerMilli = 1'000'000;

Nanos RealNow() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The argument of poll(), rounded up. nullopt: no limit.
int PollTimeout(std::optional<Nanos> timeout) {
  if (!timeout.has_value()) return -1;
  constexpr Nanos kLongest = 1'000'000'000;  // milliseconds
  return static_cast<int>(
      std::min(*timeout / kNanosPerMilli + (*timeout % kNanosPerMilli != 0 ? 1 : 0), kLongest));
}

}  // namespace

PolledWatch::PolledWatch(Host& host, hostsim::CountStops& stops, hostsim::VirtualClock& clock,
                         const InputEvents& events, DeviceSet live, OnReady on_ready)
    : host_(host),
      stops_(stops),
      clock_(clock),
      events_(events),
      live_(live),
      on_ready_(std::move(on_ready)),
      look_(stops.Add([this] { LookAtCount(); })) {
  clock_.SetIdle([this](std::optional<Nanos> limit) { return Idle(limit); });
  stops_.Set(look_, stops_.cpu().count() + kLookInterval);
}

PolledWatch::~PolledWatch() {
  stops_.Set(look_, std::nullopt);
  clock_.SetIdle(nullptr);
}

absl::Status PolledWatch::Watch(size_t device, int fd) {
  if (checked_ && (known_ & OnlyDevice(device)) == 0) RetryAfter(device, Milliseconds(0));
  known_ |= OnlyDevice(device);
  watched_ |= OnlyDevice(device);
  fds_[device] = fd;
  return absl::OkStatus();
}

void PolledWatch::Ignore(size_t device, int /*fd*/) { watched_ &= ~OnlyDevice(device); }

void PolledWatch::RetryLater(size_t device) { RetryAfter(device, backoff_.Next()); }

void PolledWatch::RetryAfter(size_t device, Milliseconds delay) {
  const Nanos at = clock_.Now() + delay.count() * kNanosPerMilli;
  retry_at_ = retry_ == 0 ? at : std::min(retry_at_, at);
  retry_ |= OnlyDevice(device);
}

DeviceSet PolledWatch::TakeReady() { return std::exchange(ready_, 0); }

void PolledWatch::LookAtCount() {
  stops_.Set(look_, stops_.cpu().count() + kLookInterval);
  Look(0);
  Report(0);
}

Nanos PolledWatch::Idle(std::optional<Nanos> limit) {
  ++sleeps_;
  Look(0);
  if (Report(0)) return 0;
  const std::optional<Nanos> retry = UntilRetry();
  if (retry.has_value()) limit = std::min(limit.value_or(*retry), *retry);
  if (limit.has_value() && !HasLiveInput()) {
    // The guest's timer is due, or a retry, which the next look reports.
    return *limit;
  }
  const Nanos start = RealNow();
  Look(limit);
  // Without live input the guest's time stands still, so that the run depends on its input only.
  Nanos passed = HasLiveInput() ? RealNow() - start : 0;
  if (limit.has_value()) passed = std::min(passed, *limit);
  return Report(passed) || !limit.has_value() ? passed : *limit;
}

void PolledWatch::Look(std::optional<Nanos> timeout) {
  if (on_look_) on_look_();
  std::array<pollfd, kMaxDevices + 3> fds;
  std::array<size_t, kMaxDevices> devices;
  size_t count = 0;
  for (DeviceSet rest = watched_; rest != 0; rest &= rest - 1) {
    const auto device = static_cast<size_t>(std::countr_zero(rest));
    devices[count] = device;
    fds[count++] = {.fd = fds_[device], .events = POLLIN, .revents = 0};
  }
  // poll() ignores descriptors below 0.
  pollfd& end = fds[count];
  end = {.fd = events_.end_fd, .events = POLLIN, .revents = 0};
  pollfd& check = fds[count + 1];
  check = {.fd = events_.check_fd, .events = POLLIN, .revents = 0};
  pollfd& debug = fds[count + 2];
  debug = {.fd = debug_fd_, .events = POLLIN, .revents = 0};
  if (poll(fds.data(), count + 3, PollTimeout(timeout)) <= 0) return;
  for (size_t i = 0; i < count; ++i) {
    if (fds[i].revents != 0) found_ |= OnlyDevice(devices[i]);
  }
  if (end.revents != 0) status_ = absl::CancelledError("the launcher is asked to end");
  if (check.revents != 0) {
    std::array<char, 64> drained;
    [[maybe_unused]] const ssize_t bytes =
        ReadBytes(events_.check_fd, drained.data(), drained.size());
    checked_ = true;
    found_ |= known_;
  }
  if (debug.revents != 0) on_debug_input_();
}

void PolledWatch::End(absl::Status status) {
  status_ = std::move(status);
  host_.RequestBreakOut();
}

std::optional<Nanos> PolledWatch::UntilRetry() const {
  if (retry_ == 0) return std::nullopt;
  return std::max<Nanos>(retry_at_ - clock_.Now(), 0);
}

bool PolledWatch::Report(Nanos passed) {
  if (retry_ != 0 && clock_.Now() + passed >= retry_at_) found_ |= std::exchange(retry_, 0);
  if (found_ == 0 && status_.ok()) return false;
  ready_ |= found_;
  const ReadyEvent event = {.moment = {.count = stops_.cpu().count(), .sleeps = sleeps_},
                            .passed = passed,
                            .devices = std::exchange(found_, 0),
                            .ends = !status_.ok()};
  if (on_ready_) on_ready_(event);
  host_.RequestBreakOut();
  return true;
}

}  // namespace lguest::timetravel
