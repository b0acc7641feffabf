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
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"
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
// All methods are called on the owner's thread.
class InputPoller {
 public:
  // `host` is initialized and outlives the poller.
  static absl::StatusOr<std::unique_ptr<InputPoller>> Start(Host& host);

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

  // The devices that were reported since the last call.
  DeviceSet TakeReady();

 private:
  using Milliseconds = std::chrono::duration<int, std::milli>;
  static constexpr Milliseconds kShortestDelay{1};
  static constexpr Milliseconds kLongestDelay{32};

  InputPoller(Host& host, UniqueFd epoll, UniqueFd wake_read, UniqueFd wake_write);

  void Run();
  void Collect(const epoll_event* events, int count);
  void WakeThread() const;

  Host& host_;
  const UniqueFd epoll_;
  const UniqueFd wake_read_;  // a pipe: a byte in it wakes the thread
  const UniqueFd wake_write_;
  DeviceSet watched_ = 0;  // by epoll; only the owner uses it

  // Shared with the thread.
  std::atomic<DeviceSet> ready_ = 0;
  std::atomic<DeviceSet> retry_ = 0;
  std::atomic<Milliseconds> delay_;  // only the owner changes it
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  bool stopped_ = false;  // guarded by mutex_
  std::condition_variable has_stopped_;

  std::thread thread_;  // the last member: it uses all of the above
};

}  // namespace lguest

#endif  // LAUNCHER_INPUT_POLLER_H_
