// Breaks a running guest out when input is waiting for one of its devices.

#ifndef LAUNCHER_INPUT_POLLER_H_
#define LAUNCHER_INPUT_POLLER_H_

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/backoff.h"
#include "launcher/base/thread.h"
#include "launcher/base/unique_fd.h"
#include "launcher/base/wake_pipe.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"

namespace lguest {

// A thread that watches the devices' input descriptors and calls Host::BreakOut() when one is
// readable. The thread stays in BreakOut() until the owner of the guest has taken the ready
// devices, served them and called Host::Resume().
//
// The destructor may run on another thread than the owner's, when the owner no longer runs the
// guest.
class InputPoller final : public InputWatch {
 public:
  // `host` is initialized and outlives the poller. ResourceExhausted if there is no descriptor or
  // thread to be had.
  static absl::StatusOr<std::unique_ptr<InputPoller>> Start(Host& host, const InputEvents& events);

  // Stops the thread, also in a break-out.
  ~InputPoller() override;
  InputPoller(const InputPoller&) = delete;
  InputPoller& operator=(const InputPoller&) = delete;

  absl::Status Watch(size_t device, int fd) override;
  void Ignore(size_t device, int fd) override;
  void RetryLater(size_t device) override;
  void MadeProgress() override;
  void RetryAfter(size_t device, Milliseconds delay) override;
  DeviceSet TakeReady() override;

  // Also fails if the host has refused a break-out, although the guest is alive: there is no input
  // any more.
  absl::Status status() const override;

  // The delay of the last RetryLater(); 0 after MadeProgress().
  Milliseconds delay() const { return backoff_.delay(); }

 private:
  using Clock = std::chrono::steady_clock;

  InputPoller(Host& host, const InputEvents& events, UniqueFd epoll, WakePipe wake);

  // The thread.
  void Run();
  int Timeout();  // of epoll_wait(), until the next retry
  void Collect(const epoll_event* events, int count);

  Host& host_;
  const int check_fd_;
  const UniqueFd epoll_;
  const WakePipe wake_;
  DeviceSet watched_ = 0;                           // by epoll; only the owner uses it
  Backoff backoff_{kShortestDelay, kLongestDelay};  // of RetryLater(); only the owner uses it

  // Shared with the thread.
  std::atomic<DeviceSet> ready_ = 0;
  std::atomic<DeviceSet> known_ = 0;   // that have been watched
  std::atomic<bool> checked_ = false;  // InputEvents::check_fd was readable
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> has_status_ = false;  // status_ is not OK
  mutable std::mutex mutex_;              // guards what follows
  DeviceSet retry_ = 0;
  Clock::time_point retry_at_ = Clock::time_point::max();  // the earliest of all devices in retry_
  absl::Status status_;
  bool stopped_ = false;
  std::condition_variable has_stopped_;

  Thread thread_;  // the last member: it uses all of the above
};

}  // namespace lguest

#endif  // LAUNCHER_INPUT_POLLER_H_
