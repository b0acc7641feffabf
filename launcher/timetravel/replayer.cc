#include "launcher/timetravel/replayer.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/timetravel/fingerprint.h"

namespace lguest::timetravel {

using hostsim::Nanos;

namespace {

// How often to look whether the launcher is to end, in instructions.
constexpr uint64_t kLookInterval = 1'000'000;

}  // namespace

void Replayer::Start(Host& host, hostsim::CountStops& stops, hostsim::VirtualClock& clock,
                     const hostsim::Vcpu& cpu, int end_fd) {
  host_ = &host;
  stops_ = &stops;
  cpu_ = &cpu;
  stop_ = stops.Add([this] { OnStop(); });
  clock.SetIdle([this](std::optional<Nanos> limit) { return Idle(limit); });
  end_fd_ = end_fd;
  look_ = stops.Add([this] { Look(); });
  stops.Set(look_, stops.cpu().count() + kLookInterval);
  last_count_ = stops.cpu().count();
  SetStop();
}

void Replayer::Look() {
  stops_->Set(look_, stops_->cpu().count() + kLookInterval);
  std::array<pollfd, 2> fds = {{{.fd = end_fd_, .events = POLLIN, .revents = 0},
                                {.fd = debug_fd_, .events = POLLIN, .revents = 0}}};
  if (poll(fds.data(), fds.size(), 0) <= 0) return;
  if (fds[0].revents != 0) End(absl::CancelledError("the launcher is asked to end"));
  if (fds[1].revents != 0) on_debug_input_();
}

Outcome Replayer::Perform(uint32_t device, absl::FunctionRef<Outcome()> /*operation*/,
                          const Outcome& usual) {
  const uint64_t number = operations_++;
  const LogEntry* const entry = log_.Peek();
  const auto* const recorded = entry == nullptr ? nullptr : std::get_if<OutcomeEntry>(entry);
  if (recorded == nullptr || recorded->operation != number) return usual;
  const uint64_t count = stops_ == nullptr ? 0 : stops_->cpu().count();
  if (recorded->device != device) {
    Differ(absl::StrFormat("device %u is used, and device %u in the recording", device,
                           recorded->device));
    return usual;
  }
  if (recorded->count != count) {
    Differ(absl::StrFormat("a device is used, and in the recording at instruction %u",
                           recorded->count));
    return usual;
  }
  Outcome outcome = recorded->outcome;
  Advance();
  return outcome;
}

DeviceSet Replayer::TakeReady() { return std::exchange(ready_, 0); }

void Replayer::Advance() {
  last_count_ = CountOf(*log_.Peek());
  log_.Next();
  if (stops_ != nullptr) SetStop();
}

void Replayer::SetStop() {
  const LogEntry* const entry = log_.Peek();
  if (entry == nullptr) {
    // A recording with an end ends with its guest.
    const bool is_cut_off = !is_past_ && !log_.end().has_value();
    stops_->Set(stop_, is_cut_off ? std::optional(last_count_) : std::nullopt);
    return;
  }
  // The result of an operation is due before the guest runs on.
  const bool is_outcome = std::holds_alternative<OutcomeEntry>(*entry);
  stops_->Set(stop_, CountOf(*entry) + (is_outcome ? 1 : 0));
}

void Replayer::OnStop() {
  const LogEntry* const entry = log_.Peek();
  if (entry == nullptr) {
    return End(log_.status().ok()
                   ? absl::AbortedError(absl::StrFormat(
                         "the recording ends here, at instruction %u: its launcher was killed",
                         stops_->cpu().count()))
                   : log_.status());
  }
  if (const auto* const ready = std::get_if<ReadyEvent>(entry)) {
    if (ready->moment != Moment{.count = stops_->cpu().count(), .sleeps = sleeps_}) {
      return Differ("the guest has not waited as often as in the recording");
    }
    return Report(*ready);
  }
  if (const auto* const mark = std::get_if<MarkEntry>(entry)) {
    if (HashOfRegisters(*cpu_) != mark->registers) {
      return Differ(
          absl::StrFormat("the registers; at instruction %u they were the same", last_count_));
    }
    return Advance();
  }
  Differ("a device is not used as in the recording");
}

Nanos Replayer::Idle(std::optional<Nanos> limit) {
  ++sleeps_;
  const LogEntry* const entry = log_.Peek();
  const auto* const ready = entry == nullptr ? nullptr : std::get_if<ReadyEvent>(entry);
  if (ready != nullptr &&
      ready->moment == Moment{.count = stops_->cpu().count(), .sleeps = sleeps_}) {
    const Nanos passed = std::min(ready->passed, limit.value_or(ready->passed));
    Report(*ready);
    return passed;
  }
  if (limit.has_value()) return *limit;
  if (entry == nullptr && !log_.end().has_value()) {
    OnStop();
  } else {
    Differ("the guest waits for ever");
  }
  return 0;
}

void Replayer::Report(const ReadyEvent& event) {
  ready_ |= event.devices;
  if (event.ends) {
    status_ = absl::AbortedError(absl::StrFormat(
        "the recorded launcher was asked to end here, at instruction %u", event.moment.count));
  }
  host_->RequestBreakOut();
  Advance();
}

void Replayer::Differ(std::string_view what) {
  End(absl::InternalError(
      absl::StrFormat("the replay differs from the recording at instruction %u: %s",
                      stops_ == nullptr ? 0 : stops_->cpu().count(), what)));
}

void Replayer::End(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  if (host_ != nullptr) host_->RequestBreakOut();
}

}  // namespace lguest::timetravel
