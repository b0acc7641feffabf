// Records a run.

#ifndef LAUNCHER_TIMETRAVEL_RECORDER_H_
#define LAUNCHER_TIMETRAVEL_RECORDER_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "hostsim/count_stops.h"
#include "hostsim/vcpu.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_writer.h"
#include "launcher/timetravel/ready_event.h"
#include "launcher/timetravel/tape.h"

namespace lguest::timetravel {

// The tape that keeps what comes from outside.
class Recorder final : public Tape {
 public:
  // How often the hash of the registers is kept, so that a replay notices soon if it differs.
  static constexpr uint64_t kMarkInterval = 1 << 26;  // instructions

  // `log` outlives this.
  explicit Recorder(LogWriter& log) : log_(log) {}

  // Before the guest runs. Until then operations are at count 0. Both outlive this.
  void Start(hostsim::CountStops& stops, const hostsim::Vcpu& cpu);

  Outcome Perform(uint32_t device, absl::FunctionRef<Outcome()> operation,
                  const Outcome& usual) override;
  void OnReady(const ReadyEvent& event) { log_.Append(event); }

  // Stops to record.
  void Stop() { stops_->Set(stop_, std::nullopt); }
  uint64_t operations() const { return operations_; }

 private:
  void Mark();

  LogWriter& log_;
  uint64_t operations_ = 0;
  hostsim::CountStops* stops_ = nullptr;  // once started
  const hostsim::Vcpu* cpu_ = nullptr;    // likewise
  hostsim::CountStops::User stop_ = 0;    // likewise
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_RECORDER_H_
