// Debugs the guest of a deterministic run with gdb, forwards and backwards.

#ifndef LAUNCHER_GDB_DEBUGGER_H_
#define LAUNCHER_GDB_DEBUGGER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "hostsim/count_stops.h"
#include "launcher/base/log.h"
#include "launcher/gdb/connection.h"
#include "launcher/gdb/history.h"
#include "launcher/gdb/server.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/timetravel/counted_machine.h"
#include "launcher/timetravel/deterministic_run.h"

namespace lguest::gdb {

// Gets control where the CPU stops, inside Host::Run(), and returns when gdb lets the guest run.
// All on the owner's thread. The launcher has no other thread, because it is forked.
class Debugger {
 public:
  // All references outlive this. `run` is recorded or a replay.
  Debugger(std::unique_ptr<Connection> connection, timetravel::DeterministicRun& run,
           const timetravel::CountedMachine& machine, GuestMemory& memory, LogSink log);

  // Waits for gdb. Then the guest stops before its first instruction. Cancelled: `end_fd` is
  // readable before.
  absl::Status Start(int end_fd);

  // The guest has died. Returns when gdb no longer wants to look at it.
  void OnDeath(std::string_view reason);

 private:
  // How often to think of a checkpoint, in instructions, and how much processor time lies between
  // two of them.
  static constexpr uint64_t kCheckpointLook = 1'000'000;
  static constexpr int64_t kCheckpointNanos = 20'000'000;

  uint64_t count() const { return machine_.stops.cpu().count(); }
  uint32_t eip() const;

  // What the CPU or the watch calls.
  void OnTarget();
  void OnDebugStop();
  void OnInput();
  void OnCheckpointLook();
  void OnEndOfHistory();

  // Lets gdb look at the guest, and does what it wants next. Returns when the guest is to run.
  void Serve(std::string reply);
  // Returns what to tell gdb next; nullopt if the guest is to run.
  std::optional<std::string> Do(const Resume& resume);
  std::optional<std::string> GoTo(const Order& order);
  // Lets the checkpoint at or before `start` execute `order`. Returns in the tip only.
  std::optional<std::string> Wake(uint64_t start, const Order& order);
  void RunOn(const Resume& resume);
  // This worker has seen all stops between its checkpoint and the end of the scan.
  [[noreturn]] void EndScan();
  // Returns true in a worker that the checkpoint has made. It knows what to run for.
  bool MakeCheckpoint();
  // Sets the next stop of a worker that goes somewhere. It leaves checkpoints near its target.
  void SetGoToStop();
  void Forget();
  std::string Monitor(std::string_view command);

  const std::unique_ptr<Connection> connection_;
  timetravel::DeterministicRun& run_;
  const timetravel::CountedMachine& machine_;
  const LogSink log_;
  std::unique_ptr<History> history_;
  Server server_;

  // Users of the CPU's stop.
  const hostsim::CountStops::User target_;
  const hostsim::CountStops::User end_of_history_;
  const hostsim::CountStops::User look_;

  bool is_over_ = false;         // gdb is gone
  bool is_dead_ = false;         // the guest
  int64_t last_checkpoint_ = 0;  // processor time

  // What the guest runs for.
  Resume resume_;
  bool is_interrupted_ = false;  // gdb wants it to stop at once
  Order order_;                  // of a worker that is on its way
  bool on_the_way_ = false;      // this worker has not reached its target
  uint64_t scan_start_ = 0;
  std::optional<uint64_t> last_hit_;  // of a scan
  hostsim::DebugHit last_hit_kind_;
};

}  // namespace lguest::gdb

#endif  // LAUNCHER_GDB_DEBUGGER_H_
