#include "launcher/run_loop.h"

#include <bit>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/input_poller.h"

namespace lguest {
namespace {

// Units of input (packets, reads) that one device delivers before the guest runs again. Without the
// limit a flood of input would keep the guest from running.
constexpr int kInputsPerTurn = 64;

// When to look again for input that belongs to another program, such as a terminal in whose
// background the launcher runs. Short enough for a user who brings it to the foreground.
constexpr std::chrono::milliseconds kAwayDelay{200};

class InputServer {
 public:
  InputServer(Bus& bus, InputWatch& watch) : bus_(bus), watch_(watch) {}

  absl::Status WatchAll() {
    for (size_t i = 0; i < bus_.device_count(); ++i) {
      RETURN_IF_ERROR(Watch(i));
    }
    return absl::OkStatus();
  }

  // Serves the devices that the input watch reported, and those whose input waits for a guest
  // buffer.
  absl::Status Serve() {
    DeviceSet ready = watch_.TakeReady() | std::exchange(stalled_, 0);
    for (; ready != 0; ready &= ready - 1) {
      RETURN_IF_ERROR(ServeOne(static_cast<size_t>(std::countr_zero(ready))));
    }
    return absl::OkStatus();
  }

  // The guest has run and may have freed a buffer.
  absl::Status ServeStalled() { return stalled_ == 0 ? absl::OkStatus() : Serve(); }

 private:
  absl::Status Watch(size_t index) {
    const int fd = bus_.input_fd(index);
    return fd < 0 ? absl::OkStatus() : watch_.Watch(index, fd);
  }

  void Ignore(size_t index) { watch_.Ignore(index, bus_.input_fd(index)); }

  absl::Status ServeOne(size_t index) {
    for (int i = 0; i < kInputsPerTurn; ++i) {
      const absl::StatusOr<Device::Input> input = bus_.Receive(index);
      RETURN_IF_ERROR(input.status());
      switch (*input) {
        case Device::Input::kMore:
          if (i == 0) watch_.MadeProgress();
          continue;
        case Device::Input::kLast:
          if (i == 0) watch_.MadeProgress();
          return Watch(index);
        case Device::Input::kNone:
          return Watch(index);
        case Device::Input::kNoRoom:
          Stall(index);
          Ignore(index);
          return absl::OkStatus();
        case Device::Input::kHeld:
          Stall(index);
          return Watch(index);
        case Device::Input::kNotNow:
          Ignore(index);
          watch_.RetryAfter(index, kAwayDelay);
          return absl::OkStatus();
        case Device::Input::kClosed:
          Ignore(index);
          return absl::OkStatus();
      }
    }
    return Watch(index);
  }

  void Stall(size_t index) {
    stalled_ |= OnlyDevice(index);
    watch_.RetryLater(index);
  }

  Bus& bus_;
  InputWatch& watch_;
  DeviceSet stalled_ = 0;
};

void Report(Bus& bus, const LogSink& log, const LogSink& verbose) {
  for (const Bus::StatusChange& change : bus.StatusChanges()) {
    const LogSink& sink = change.failed() ? log : verbose;
    if (sink) sink(change.describe);
  }
}

}  // namespace

absl::StatusOr<std::string> RunGuest(Host& host, Bus& bus, const LogSink& log,
                                     const LogSink& verbose, const InputEvents& events) {
  ASSIGN_OR_RETURN(const std::unique_ptr<InputPoller> poller, InputPoller::Start(host, events));
  return RunGuest(host, bus, *poller, log, verbose);
}

absl::StatusOr<std::string> RunGuest(Host& host, Bus& bus, InputWatch& watch, const LogSink& log,
                                     const LogSink& verbose, const Restarter& restart) {
  InputServer inputs(bus, watch);
  RETURN_IF_ERROR(inputs.WatchAll());

  while (true) {
    const absl::StatusOr<Exit> exit = host.Run();
    RETURN_IF_ERROR(exit.status());
    if (const Died* died = std::get_if<Died>(&*exit)) return died->reason;
    RETURN_IF_ERROR(watch.status());

    absl::Status served;
    if (const DmaSent* sent = std::get_if<DmaSent>(&*exit)) {
      served = bus.Dispatch(*sent);
      if (served.ok()) served = inputs.ServeStalled();
    } else if (const Notified* notified = std::get_if<Notified>(&*exit)) {
      served = bus.Notify(*notified);
      if (served.ok()) served = inputs.ServeStalled();
    } else if (std::holds_alternative<RestartRequested>(*exit)) {
      if (!restart) return kRestartRequestReason;
      RETURN_IF_ERROR(restart());
      if (verbose) verbose("the guest starts again");
    } else if (std::holds_alternative<BrokenOut>(*exit)) {
      served = inputs.Serve();
      host.Resume().IgnoreError();  // fails if the guest has died; Run() returns that
    }
    if (!served.ok()) {
      if (absl::IsCancelled(served)) return served;
      // If the guest is dead, the host knows the reason better than a device that found no buffer.
      if (absl::IsNotFound(host.Resume())) continue;
      return std::string(served.message());
    }
    if (bus.HasStatusChanges()) Report(bus, log, verbose);
  }
}

}  // namespace lguest
