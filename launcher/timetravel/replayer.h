// Repeats a recorded run.

#ifndef LAUNCHER_TIMETRAVEL_REPLAYER_H_
#define LAUNCHER_TIMETRAVEL_REPLAYER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "hostsim/count_stops.h"
#include "hostsim/vcpu.h"
#include "hostsim/virtual_clock.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_reader.h"
#include "launcher/timetravel/ready_event.h"
#include "launcher/timetravel/tape.h"

namespace lguest::timetravel {

// The tape and the input of a replay: both take from one recording, entry by entry. The run ends
// with status() if it differs from the recording: Internal. It also ends where the recorded
// launcher was killed or asked to end: Aborted.
class Replayer final : public Tape, public InputWatch {
 public:
  // `log` outlives this.
  explicit Replayer(LogReader& log) : log_(log) {}

  // Before the guest runs. All outlive this. Becomes the idle function of `clock`.
  void Start(Host& host, hostsim::CountStops& stops, hostsim::VirtualClock& clock,
             const hostsim::Vcpu& cpu);

  // Tape.
  Outcome Perform(uint32_t device, absl::FunctionRef<Outcome()> operation,
                  const Outcome& usual) override;

  // InputWatch. The recording has all that devices are told.
  absl::Status Watch(size_t /*device*/, int /*fd*/) override { return absl::OkStatus(); }
  void Ignore(size_t /*device*/, int /*fd*/) override {}
  void RetryLater(size_t /*device*/) override {}
  void MadeProgress() override {}
  void RetryAfter(size_t /*device*/, Milliseconds /*delay*/) override {}
  DeviceSet TakeReady() override;
  absl::Status status() const override { return status_; }

 private:
  // Goes on to the next entry.
  void Advance();
  // Stops the CPU where the next entry belongs.
  void SetStop();
  void OnStop();
  hostsim::Nanos Idle(std::optional<hostsim::Nanos> limit);
  void Report(const ReadyEvent& event);
  // Ends the run: it is not the recorded one. `what` differs.
  void Differ(std::string_view what);
  void End(absl::Status status);

  LogReader& log_;
  uint64_t operations_ = 0;
  uint64_t sleeps_ = 0;
  uint64_t last_count_ = 0;  // of the entries that are done
  DeviceSet ready_ = 0;
  absl::Status status_;

  // Once started.
  Host* host_ = nullptr;
  hostsim::CountStops* stops_ = nullptr;
  const hostsim::Vcpu* cpu_ = nullptr;
  hostsim::CountStops::User stop_ = 0;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_REPLAYER_H_
