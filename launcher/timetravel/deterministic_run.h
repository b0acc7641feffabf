// What makes a run of a guest deterministic, recorded or replayed.

#ifndef LAUNCHER_TIMETRAVEL_DETERMINISTIC_RUN_H_
#define LAUNCHER_TIMETRAVEL_DETERMINISTIC_RUN_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/block/block_backend.h"
#include "devices/console/console_backend.h"
#include "devices/net/packet_backend.h"
#include "launcher/base/log.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"
#include "launcher/timetravel/counted_machine.h"
#include "launcher/timetravel/fingerprint.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_reader.h"
#include "launcher/timetravel/log_writer.h"
#include "launcher/timetravel/polled_watch.h"
#include "launcher/timetravel/recorder.h"
#include "launcher/timetravel/replayer.h"

namespace lguest::timetravel {

// One run. Use: make it, wrap the backends of all devices in the order of the devices, start it,
// run the guest, finish it.
//
// Belongs to the thread that owns the guest, once that runs.
class DeterministicRun {
 public:
  // A run that is not recorded.
  DeterministicRun() = default;

  // A run that is recorded in `file`.
  DeterministicRun(std::unique_ptr<LogFile> file, const LogHeader& header);

  // A replay of `log`, which outlives this.
  explicit DeterministicRun(LogReader& log);

  bool is_replay() const { return replayer_ != nullptr; }

  // A backend is nullptr in a replay, except for the console's, which shows what the guest writes.
  std::unique_ptr<BlockBackend> WrapDisk(std::unique_ptr<BlockBackend> disk);
  std::unique_ptr<PacketBackend> WrapPackets(std::unique_ptr<PacketBackend> packets);
  std::unique_ptr<ConsoleBackend> WrapConsole(std::unique_ptr<ConsoleBackend> console);

  // Guest time; 0 before Start().
  std::chrono::nanoseconds Now() const;

  // Returns the watch for the run loop. `live`: see PolledWatch. `on_look` is called each time that
  // input is looked for, and in a replay never. All references outlive this.
  InputWatch& Start(Host& host, const CountedMachine& machine, const InputEvents& events,
                    DeviceSet live, std::function<void()> on_look);

  // For a debugger, once started. Looks at one more descriptor while the guest runs: see
  // PolledWatch.
  void SetDebugInput(int fd, const std::function<void()>& readable);
  // Ends the run with `status`.
  void End(absl::Status status);
  // Writes what is recorded so far.
  void FlushLog();
  // In a fork of the launcher: repeats the run from here on, as far as the other process has
  // recorded it, and shows nothing.
  void BecomeReplay();

  // The guest has ended with `death`. Returns that, or what is wrong with the replay. `log` gets a
  // message if the recording is incomplete.
  absl::StatusOr<std::string> Finish(absl::StatusOr<std::string> death, const GuestMemory& memory,
                                     const LogSink& log);

  // Of the run, after Finish(); nullptr before.
  const Fingerprint* fingerprint() const { return fingerprint_.get(); }

 private:
  // What devices and the run loop have: it stays when the run becomes a replay.
  class CurrentTape final : public Tape {
   public:
    Outcome Perform(uint32_t device, absl::FunctionRef<Outcome()> operation,
                    const Outcome& usual) override {
      return tape->Perform(device, operation, usual);
    }
    Tape* tape = nullptr;  // the run's
  };
  class CurrentWatch final : public InputWatch {
   public:
    absl::Status Watch(size_t device, int fd) override { return watch->Watch(device, fd); }
    void Ignore(size_t device, int fd) override { watch->Ignore(device, fd); }
    void RetryLater(size_t device) override { watch->RetryLater(device); }
    void MadeProgress() override { watch->MadeProgress(); }
    void RetryAfter(size_t device, Milliseconds delay) override {
      watch->RetryAfter(device, delay);
    }
    DeviceSet TakeReady() override { return watch->TakeReady(); }
    absl::Status status() const override { return watch->status(); }
    InputWatch* watch = nullptr;  // the run's
  };

  Fingerprint TakeFingerprint(const GuestMemory& memory) const;
  // Compares the end of a replay with that of its recording.
  absl::Status CompareEnd(const Fingerprint& print) const;

  std::unique_ptr<LogWriter> writer_;        // of a recording
  std::unique_ptr<Recorder> recorder_;       // likewise
  LogReader* reader_ = nullptr;              // of a replay
  std::unique_ptr<Replayer> replayer_;       // likewise
  std::unique_ptr<PolledWatch> watch_;       // of all but a replay, once started
  const CountedMachine* machine_ = nullptr;  // once started
  std::unique_ptr<LogReader> past_;          // of a recording that has become a replay
  Host* host_ = nullptr;                     // once started
  CurrentTape tape_;
  CurrentWatch current_watch_;
  bool is_shown_ = true;  // a replay's console
  uint32_t devices_ = 0;
  Hash console_;
  Hash disks_;
  std::unique_ptr<const Fingerprint> fingerprint_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_DETERMINISTIC_RUN_H_
