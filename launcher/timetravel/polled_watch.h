// The input of a guest whose launcher has one thread.

#ifndef LAUNCHER_TIMETRAVEL_POLLED_WATCH_H_
#define LAUNCHER_TIMETRAVEL_POLLED_WATCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "hostsim/clock.h"
#include "hostsim/count_stops.h"
#include "hostsim/virtual_clock.h"
#include "launcher/base/backoff.h"
#include "launcher/guest/abi.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"
#include "launcher/timetravel/ready_event.h"

namespace lguest::timetravel {

// Looks for input every kLookInterval instructions and while the guest is halted. A look that finds
// nothing does not change the run.
//
// A halted guest waits in real time for its timer while a live device is watched: one with a
// terminal or a network. Otherwise its time jumps to the timer. Delays of RetryLater() and
// RetryAfter() are in guest time.
class PolledWatch final : public InputWatch {
 public:
  static constexpr uint64_t kLookInterval = 1'000'000;

  // Called for each report of devices, before the guest is broken out.
  using OnReady = std::function<void(const ReadyEvent&)>;

  // Becomes the idle function of `clock`. All references outlive this. `live`: the live devices.
  PolledWatch(Host& host, hostsim::CountStops& stops, hostsim::VirtualClock& clock,
              const InputEvents& events, DeviceSet live = 0, OnReady on_ready = nullptr);
  ~PolledWatch() override;

  // Sets a function to call at each look, such as one that writes buffered output.
  void SetOnLook(std::function<void()> on_look) { on_look_ = std::move(on_look); }

  // Looks at one more descriptor, also while the guest is halted, and calls `readable`. -1: none.
  void SetDebugInput(int fd, std::function<void()> readable) {
    debug_fd_ = fd;
    on_debug_input_ = std::move(readable);
  }

  // Ends the run with `status`.
  void End(absl::Status status);

  // Stops to look, for good.
  void Stop() { stops_.Set(look_, std::nullopt); }
  uint64_t sleeps() const { return sleeps_; }

  absl::Status Watch(size_t device, int fd) override;
  void Ignore(size_t device, int fd) override;
  void RetryLater(size_t device) override;
  void MadeProgress() override { backoff_.Reset(); }
  void RetryAfter(size_t device, Milliseconds delay) override;
  DeviceSet TakeReady() override;
  absl::Status status() const override { return status_; }

 private:
  using Nanos = hostsim::Nanos;

  void LookAtCount();
  Nanos Idle(std::optional<Nanos> limit);

  // Looks for input, and waits for it until `timeout` has passed in real time; nullopt: without
  // limit.
  void Look(std::optional<Nanos> timeout);
  // Time until the next retry; nullopt: there is none.
  std::optional<Nanos> UntilRetry() const;
  bool HasLiveInput() const { return (watched_ & live_) != 0; }
  // Reports what Look() has found, and the devices whose retry is due, if any. `passed`: the time
  // of a halted guest that has passed.
  bool Report(Nanos passed);

  Host& host_;
  hostsim::CountStops& stops_;
  hostsim::VirtualClock& clock_;
  const InputEvents events_;
  const DeviceSet live_;
  const OnReady on_ready_;
  const hostsim::CountStops::User look_;
  std::function<void()> on_look_;
  int debug_fd_ = -1;
  std::function<void()> on_debug_input_;

  std::array<int, kMaxDevices> fds_ = {};  // of the devices in watched_
  DeviceSet watched_ = 0;
  DeviceSet known_ = 0;                             // that have been watched
  bool checked_ = false;                            // InputEvents::check_fd was readable
  Backoff backoff_{kShortestDelay, kLongestDelay};  // of RetryLater()
  DeviceSet retry_ = 0;
  Nanos retry_at_ = 0;   // the earliest of all devices in retry_
  DeviceSet found_ = 0;  // not reported yet
  DeviceSet ready_ = 0;  // reported
  uint64_t sleeps_ = 0;  // calls of Idle()
  absl::Status status_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_POLLED_WATCH_H_
