// How the run loop learns which devices have input.

#ifndef LAUNCHER_HOST_INPUT_WATCH_H_
#define LAUNCHER_HOST_INPUT_WATCH_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "launcher/guest/abi.h"

namespace lguest {

// A set of devices, by their index: bit i is device i.
using DeviceSet = uint32_t;

constexpr DeviceSet OnlyDevice(size_t device) { return DeviceSet{1} << device; }

// Descriptors that break the guest out without being a device's; -1: none.
struct InputEvents {
  int end_fd = -1;    // readable once the launcher is asked to end
  int check_fd = -1;  // a pipe; a byte in it asks to report all devices with input descriptors
};

// Breaks a running guest out when one of its devices has input. A device is reported again while
// its descriptor stays readable. If the owner cannot take its input now, it calls Ignore(), so that
// the device does not keep the guest from running.
//
// All methods are called on the thread of the guest's owner.
class InputWatch {
 public:
  using Milliseconds = std::chrono::milliseconds;

  virtual ~InputWatch() = default;

  // Reports `device` (< kMaxDevices) when `fd` becomes readable or broken. A regular file counts as
  // always readable. Idempotent.
  virtual absl::Status Watch(size_t device, int fd) = 0;

  // Undoes Watch(). The device may be reported once more, if it was found readable just before.
  virtual void Ignore(size_t device, int fd) = 0;

  // Reports `device` after a delay, because the guest had no buffer for its input. The delay grows
  // from the shortest to the longest; MadeProgress() resets it.
  static constexpr Milliseconds kShortestDelay{1};
  static constexpr Milliseconds kLongestDelay{32};
  virtual void RetryLater(size_t device) = 0;
  virtual void MadeProgress() = 0;

  // Reports `device` after `delay`.
  virtual void RetryAfter(size_t device, Milliseconds delay) = 0;

  // The devices that were reported since the last call.
  virtual DeviceSet TakeReady() = 0;

  // OK while the watch works. Cancelled: the launcher is asked to end. Otherwise an error that ends
  // the run.
  virtual absl::Status status() const = 0;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_INPUT_WATCH_H_
