// Repeats a recorded run.

#ifndef LAUNCHER_TIMETRAVEL_REPLAYER_H_
#define LAUNCHER_TIMETRAVEL_REPLAYER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

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
  // Where a replay begins that does not begin with the guest. Its recording is still being written,
  // so that the run goes on after the last entry.
  struct Past {
    uint64_t operations = 0;
    uint64_t sleeps = 0;
    DeviceSet ready = 0;  // reported, but not taken
  };

  // `log` outlives this.
  explicit Replayer(LogReader& log) : log_(log) {}
  Replayer(LogReader& log, const Past& past)
      : log_(log),
        operations_(past.operations),
        sleeps_(past.sleeps),
        ready_(past.ready),
        is_past_(true) {}

  // Before the guest runs. All outlive this. Becomes the idle function of `clock`. `end_fd`:
  // readable once the launcher is asked to end; -1: never.
  void Start(Host& host, hostsim::CountStops& stops, hostsim::VirtualClock& clock,
             const hostsim::Vcpu& cpu, int end_fd = -1);

  // Looks at one more descriptor, and calls `readable`. -1: none.
  void SetDebugInput(int fd, std::function<void()> readable) {
    debug_fd_ = fd;
    on_debug_input_ = std::move(readable);
  }

  // Ends the run.
  void End(absl::Status status);

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
  void Look();

  LogReader& log_;
  uint64_t operations_ = 0;
  uint64_t sleeps_ = 0;
  DeviceSet ready_ = 0;
  uint64_t last_count_ = 0;  // of the entries that are done
  const bool is_past_ = false;
  absl::Status status_;

  // Once started.
  Host* host_ = nullptr;
  hostsim::CountStops* stops_ = nullptr;
  const hostsim::Vcpu* cpu_ = nullptr;
  hostsim::CountStops::User stop_ = 0;
  hostsim::CountStops::User look_ = 0;
  int end_fd_ = -1;
  int debug_fd_ = -1;
  std::function<void()> on_debug_input_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_REPLAYER_H_
