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
#include "launcher/base/thread.h"
#include "launcher/base/unique_fd.h"
#include "launcher/base/wake_pipe.h"
#include "launcher/guest/abi.h"
#include "launcher/host/host.h"

namespace lguest {

// A set of devices, by their index: bit i is device i.
using DeviceSet = uint32_t;

// A thread that watches the devices' input descriptors and calls Host::BreakOut() when one is
// readable. The thread stays in BreakOut() until the owner of the guest has taken the ready
// devices, served them and called Host::Resume().
//
// A device is reported again while its descriptor stays readable. If the owner cannot take its
// input now, it calls Ignore(), so that the device does not keep the guest from running.
//
// All methods are called on the owner's thread. The destructor may run on another one, when the
// owner no longer runs the guest.
class InputPoller {
 public:
  // Descriptors that break the guest out without being a device's; -1: none.
  struct Events {
    int end_fd = -1;  // readable once the launcher is asked to end
    int check_fd =
        -1;  // a pipe; a byte in it asks to report all devices that have input descriptors
  };

  // `host` is initialized and outlives the poller. ResourceExhausted if there is no descriptor or
  // thread to be had.
  static absl::StatusOr<std::unique_ptr<InputPoller>> Start(Host& host, const Events& events);

  // Stops the thread, also in a break-out.
  ~InputPoller();
  InputPoller(const InputPoller&) = delete;
  InputPoller& operator=(const InputPoller&) = delete;

  // Reports `device` (< kMaxDevices) when `fd` becomes readable or broken. A file that epoll cannot
  // watch, such as a regular file, counts as always readable. Idempotent.
  absl::Status Watch(size_t device, int fd);

  // Undoes Watch(). The device may be reported once more, if it was found readable just before.
  void Ignore(size_t device, int fd);

  // Reports `device` after a delay, because the guest had no buffer for its input. The delay is
  // 1 ms at first and grows to 32 ms; MadeProgress() resets it.
  void RetryLater(size_t device);
  void MadeProgress();

  // Reports `device` after `delay`.
  void RetryAfter(size_t device, std::chrono::milliseconds delay);

  // The devices that were reported since the last call.
  DeviceSet TakeReady();

  // OK while the thread watches. Cancelled: the launcher is asked to end. Otherwise the error for
  // which the host refused a break-out, although the guest is alive: there is no input any more.
  absl::Status status() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds kShortestDelay{1};
  static constexpr Milliseconds kLongestDelay{32};

  InputPoller(Host& host, const Events& events, UniqueFd epoll, WakePipe wake);

  // The thread.
  void Run();
  int Timeout();  // of epoll_wait(), until the next retry
  void Collect(const epoll_event* events, int count);

  Host& host_;
  const int check_fd_;
  const UniqueFd epoll_;
  const WakePipe wake_;
  DeviceSet watched_ = 0;  // by epoll; only the owner uses it
  Milliseconds delay_{0};  // of the last RetryLater(); only the owner uses it

  // Shared with the thread.
  std::atomic<DeviceSet> ready_ = 0;
  std::atomic<DeviceSet> known_ = 0;   // that have been watched
  std::atomic<bool> checked_ = false;  // Events::check_fd was readable
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
