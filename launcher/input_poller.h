// Gets the launcher's attention when input waits for a running guest.

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

// A thread that watches the devices' input descriptors and breaks the guest out when one is
// readable. It stays in the break-out until the owner of the guest has taken the ready devices,
// served them and called Host::Resume().
//
// A device is reported again and again while its descriptor stays readable. Whoever cannot take its
// input now calls Ignore(), so that it does not keep the guest from running.
class InputPoller {
 public:
  // `host` is initialized and outlives the waker.
  static absl::StatusOr<std::unique_ptr<InputPoller>> Start(Host& host);

  // Ends the thread, a break-out it is in included.
  ~InputPoller();
  InputPoller(const InputPoller&) = delete;
  InputPoller& operator=(const InputPoller&) = delete;

  // Reports `device` (< kMaxDevices) when `fd` becomes readable or broken; a file that cannot be
  // waited for, such as a regular one, is always readable. To watch what is watched costs nothing.
  absl::Status Watch(size_t device, int fd);

  // Takes Watch() back. The device may have been found readable just before, and be reported once.
  void Ignore(size_t device, int fd);

  // Reports `device` after a while: the guest had no room for its input. The while grows from 1 to
  // 32 ms with each call; MadeProgress() makes it short again.
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
  DeviceSet watched_ = 0;  // by epoll; the owner's

  std::atomic<DeviceSet> ready_ = 0;
  std::atomic<DeviceSet> retry_ = 0;
  std::atomic<Milliseconds> delay_;  // the owner's to change
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  bool stopped_ = false;
  std::condition_variable has_stopped_;

  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace lguest

#endif  // LAUNCHER_INPUT_POLLER_H_
