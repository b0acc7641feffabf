#include "launcher/gdb/history.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <new>

#include "launcher/base/status_macros.h"

namespace lguest::gdb {
namespace {

// Waits for a tenth of a second at most. Returns false if that has passed.
bool WaitShortly(sem_t& semaphore) {
  constexpr long kNanos = 100'000'000;
  constexpr long kNanosPerSecond = 1'000'000'000;
  timespec until = {};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += kNanos;
  if (until.tv_nsec >= kNanosPerSecond) {
    until.tv_nsec -= kNanosPerSecond;
    ++until.tv_sec;
  }
  return sem_timedwait(&semaphore, &until) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<History>> History::Create() {
  void* const memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return ErrnoStatus("memory for the history of the guest");
  auto* const shared = new (memory) Shared;
  sem_init(&shared->wake_tip, /*pshared=*/1, 0);
  // Children that end are not waited for.
  std::signal(SIGCHLD, SIG_IGN);
  std::unique_ptr<History> history(new History(shared));
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return ErrnoStatus("the history of the guest");
  history->tip_lives_ = UniqueFd(ends[0]);
  history->tip_life_ = UniqueFd(ends[1]);
  return history;
}

History::~History() {
  if (is_tip_) {
    for (const Checkpoint& checkpoint : shared_->checkpoints) {
      if (checkpoint.pid != 0) kill(checkpoint.pid, SIGKILL);
    }
  }
  munmap(shared_, sizeof(Shared));
}

bool History::MakeCheckpoint(uint64_t count) {
  Checkpoint& slot = TakeSlot();
  slot.count = count;
  sem_init(&slot.wake, /*pshared=*/1, 0);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) {
    slot.pid = pid < 0 ? 0 : pid;
    return false;
  }
  // The checkpoint. A worker that made it may end before it, but not the tip.
  if (is_tip_) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
  }
  is_tip_ = false;
  tip_life_ = UniqueFd();
  while (true) {
    // Orphans of the launcher end.
    while (!WaitShortly(slot.wake)) {
      if (IsTipGone()) _exit(0);
    }
    const pid_t worker = fork();
    if (worker != 0) {
      if (worker > 0) shared_->worker = worker;
      continue;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    shared_->worker = getpid();
    order_ = shared_->order;
    return true;
  }
}

// A zombie has closed its descriptors.
bool History::IsTipGone() const {
  pollfd life = {.fd = tip_lives_.get(), .events = 0, .revents = 0};
  return poll(&life, 1, 0) > 0;
}

void History::LoadSession(Session& session) const {
  session.acknowledges = shared_->acknowledges;
  session.breakpoints.clear();
  session.breakpoints.insert(
      shared_->breakpoints.begin(),
      shared_->breakpoints.begin() + static_cast<ptrdiff_t>(shared_->breakpoint_count));
  session.watchpoints.assign(
      shared_->watchpoints.begin(),
      shared_->watchpoints.begin() + static_cast<ptrdiff_t>(shared_->watchpoint_count));
}

void History::Store(const Order& order, const Session& session) {
  shared_->order = order;
  shared_->acknowledges = session.acknowledges;
  shared_->breakpoint_count = std::min(session.breakpoints.size(), kMaxPoints);
  std::copy_n(session.breakpoints.begin(), shared_->breakpoint_count, shared_->breakpoints.begin());
  shared_->watchpoint_count = std::min(session.watchpoints.size(), kMaxPoints);
  std::copy_n(session.watchpoints.begin(), shared_->watchpoint_count, shared_->watchpoints.begin());
}

History::Checkpoint* History::Find(uint64_t count) const {
  Checkpoint* best = nullptr;
  for (Checkpoint& checkpoint : shared_->checkpoints) {
    if (checkpoint.pid == 0 || checkpoint.count > count) continue;
    if (best == nullptr || checkpoint.count > best->count) best = &checkpoint;
  }
  return best;
}

size_t History::checkpoints() const {
  return static_cast<size_t>(
      std::count_if(shared_->checkpoints.begin(), shared_->checkpoints.end(),
                    [](const Checkpoint& checkpoint) { return checkpoint.pid != 0; }));
}

History::Checkpoint& History::TakeSlot() {
  auto& all = shared_->checkpoints;
  for (Checkpoint& checkpoint : all) {
    if (checkpoint.pid == 0) return checkpoint;
  }
  std::array<Checkpoint*, kMaxCheckpoints> sorted;
  for (size_t i = 0; i < all.size(); ++i) sorted[i] = &all[i];
  std::sort(sorted.begin(), sorted.end(),
            [](const Checkpoint* a, const Checkpoint* b) { return a->count < b->count; });
  // The way between the neighbours, as a part of the way to the tip: old checkpoints may be
  // sparser. The first one stays.
  size_t least = 0;
  double least_part = 0;
  for (size_t i = 1; i + 1 < sorted.size(); ++i) {
    // This process ends with the checkpoint that has made it.
    if (sorted[i]->pid == getppid()) continue;
    const auto gap = static_cast<double>(sorted[i + 1]->count - sorted[i - 1]->count);
    const auto age = static_cast<double>(1 + std::max(shared_->tip_count, sorted.back()->count) -
                                         sorted[i]->count);
    if (least == 0 || gap / age < least_part) {
      least = i;
      least_part = gap / age;
    }
  }
  Checkpoint& victim = *sorted[least];
  kill(victim.pid, SIGKILL);
  sem_destroy(&victim.wake);
  victim.pid = 0;
  return victim;
}

void History::WakeCheckpoint(uint64_t count, const Order& order, const Session& session) {
  Checkpoint* const checkpoint = Find(count);
  Store(order, session);
  shared_->worker = 0;
  if (checkpoint != nullptr) sem_post(&checkpoint->wake);
  if (!is_tip_) _exit(0);
  WaitAsTip();
}

void History::HandOver(uint64_t count, const Order& order, const Session& session) {
  WakeCheckpoint(count, order, session);
  _exit(0);
}

void History::WakeTip(const Order& order, const Session& session) {
  Store(order, session);
  sem_post(&shared_->wake_tip);
  _exit(0);
}

void History::WaitAsTip() {
  while (!WaitShortly(shared_->wake_tip)) {
    const pid_t worker = shared_->worker;
    // The worker may just have handed over to another one.
    if (worker == 0 || kill(worker, 0) == 0 || worker != shared_->worker) continue;
    if (WaitShortly(shared_->wake_tip)) break;
    if (worker != shared_->worker) continue;
    shared_->order = {.kind = Order::Kind::kServe};  // it was killed
    break;
  }
  order_ = shared_->order;
}

}  // namespace lguest::gdb
