// Processes that remember how the guest was.
//
// A checkpoint is a fork of the launcher, which waits. To go back, the process that talks with gdb
// wakes the checkpoint before the wanted instruction. The checkpoint forks a worker, which repeats
// the run from there to that instruction and then talks with gdb. The original process, the tip,
// waits meanwhile: it alone has the guest of now, with its disks and networks.

#ifndef LAUNCHER_GDB_HISTORY_H_
#define LAUNCHER_GDB_HISTORY_H_

#include <semaphore.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"
#include "launcher/gdb/server.h"

namespace lguest::gdb {

// What the process that is woken has to do.
struct Order {
  enum class Kind : uint8_t {
    kGoTo,      // go to `count`, then tell gdb `reason`
    kScan,      // find the last stop before `count`, back to this checkpoint
    kContinue,  // the tip: go on with `resume`
    kServe,     // the tip: tell gdb `reason`
  };
  // Why the guest has stopped, for gdb.
  // kMonitor: gdb waits for the answer to `monitor at`.
  enum class Reason : uint8_t { kStep, kBeginning, kWatch, kMonitor };

  Kind kind = Kind::kServe;
  uint64_t count = 0;
  Reason reason = Reason::kStep;
  hostsim::DebugHit hit = {};  // of kWatch
  Resume resume = {};
};

class History {
 public:
  // ResourceExhausted if there is no shared memory to be had.
  static absl::StatusOr<std::unique_ptr<History>> Create();

  // Ends all checkpoints and workers.
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  bool is_tip() const { return is_tip_; }
  // Where the tip is.
  uint64_t tip_count() const { return shared_->tip_count; }
  void set_tip_count(uint64_t count) { shared_->tip_count = count; }

  // Makes a checkpoint of this process at `count`. Returns false in this process. Returns true in a
  // worker that the checkpoint forks later; order() says what it has to do. Does nothing if no
  // process can be made.
  bool MakeCheckpoint(uint64_t count);

  // The order of this process, and gdb's session.
  const Order& order() const { return order_; }
  void LoadSession(Session& session) const;

  // True if there is a checkpoint at or before `count`.
  bool Reaches(uint64_t count) const { return Find(count) != nullptr; }

  // Lets the last checkpoint at or before `count` execute `order`. A worker does not return; the
  // tip returns when it is woken, and order() is its own.
  void WakeCheckpoint(uint64_t count, const Order& order, const Session& session);
  // The same for a worker.
  [[noreturn]] void HandOver(uint64_t count, const Order& order, const Session& session);

  // Lets the tip execute `order`. Only for a worker, which does not return.
  [[noreturn]] void WakeTip(const Order& order, const Session& session);

  size_t checkpoints() const;

 private:
  static constexpr size_t kMaxCheckpoints = 96;
  static constexpr size_t kMaxPoints = 4096;

  struct Checkpoint {
    pid_t pid = 0;  // 0: this slot is free
    uint64_t count = 0;
    sem_t wake;
  };

  // In memory that all processes share.
  struct Shared {
    std::array<Checkpoint, kMaxCheckpoints> checkpoints;
    uint64_t tip_count = 0;
    pid_t worker = 0;
    sem_t wake_tip;
    Order order;
    // The session.
    bool acknowledges = true;
    size_t breakpoint_count = 0;
    size_t watchpoint_count = 0;
    std::array<uint32_t, kMaxPoints> breakpoints;
    std::array<hostsim::Watchpoint, kMaxPoints> watchpoints;
  };

  explicit History(Shared* shared) : shared_(shared) {}

  Checkpoint* Find(uint64_t count) const;
  // A free slot; ends the checkpoint that is missed least if there is none.
  Checkpoint& TakeSlot();
  void Store(const Order& order, const Session& session);
  void WaitAsTip();
  bool IsTipGone() const;

  Shared* const shared_;
  bool is_tip_ = true;
  UniqueFd tip_life_;   // the write end of a pipe, which only the tip has
  UniqueFd tip_lives_;  // its other end
  Order order_;
};

}  // namespace lguest::gdb

#endif  // LAUNCHER_GDB_HISTORY_H_
