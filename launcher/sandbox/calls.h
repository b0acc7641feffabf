// The system calls of a sealed launcher.

#ifndef LAUNCHER_SANDBOX_CALLS_H_
#define LAUNCHER_SANDBOX_CALLS_H_

#include <cstdint>
#include <span>

namespace lguest::sandbox {

enum class Thread : uint8_t {
  kGuest,  // runs guest code and serves its devices
  kOther,  // main, input poller, console writer, alarm clock
};

// What makes a call necessary.
enum class Need : uint8_t { kAlways, kDisk, kDiskOrSharedNet, kSharedNet, kKvm, kHandler };

struct Call {
  int number;
  Thread thread;  // kGuest: all threads may make it; kOther: all but the guest's
  Need need;
  const char* reason;
};

// The calls that are allowed. Some only with certain arguments: see filter.cc.
std::span<const Call> AllowedCalls();

// Calls that fail with ENOSYS, and do not end the launcher.
std::span<const Call> RefusedCalls();

// A request of ioctl(), for all threads.
struct IoctlRequest {
  unsigned long number;
  Need need;
  const char* reason;
};
std::span<const IoctlRequest> AllowedIoctls();

}  // namespace lguest::sandbox

#endif  // LAUNCHER_SANDBOX_CALLS_H_
