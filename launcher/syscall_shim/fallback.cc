// Replaces system calls of the C library that Linux 2.6.23 lacks with calls that it has.

#include <linux/futex.h>
#include <sys/syscall.h>

#include <cerrno>
#include <ctime>

#include "launcher/syscall_shim/kernel_call.h"
#include "launcher/syscall_shim/shim.h"

namespace lguest::syscall_shim {
namespace {

struct KernelTime {
  int32_t seconds;
  int32_t nanoseconds;
};

// FUTEX_WAIT_BITSET (2.6.25) takes an absolute time, FUTEX_WAIT takes a duration.
int32_t FutexWait(const ShimmedCall& call) {
  const int32_t op = call.args[1];
  const int32_t old_op = FUTEX_WAIT | (op & FUTEX_PRIVATE_FLAG);
  const auto anyone = static_cast<int32_t>(FUTEX_BITSET_MATCH_ANY);
  if ((op & FUTEX_CMD_MASK) != FUTEX_WAIT_BITSET || call.args[5] != anyone) return -ENOSYS;
  const auto* const until = PointerTo<const KernelTime>(call.args[3]);
  if (until == nullptr) return KernelCall(SYS_futex, call.args[0], old_op, call.args[2]);

  const int32_t clock = (op & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  KernelTime now;
  const int32_t error = KernelCall(SYS_clock_gettime, clock, AddressOf(&now));
  if (error != 0) return error;
  constexpr int32_t kNanosecondsASecond = 1'000'000'000;
  KernelTime left = {until->seconds - now.seconds, until->nanoseconds - now.nanoseconds};
  if (left.nanoseconds < 0) {
    left.seconds -= 1;
    left.nanoseconds += kNanosecondsASecond;
  }
  if (left.seconds < 0) return -ETIMEDOUT;
  return KernelCall(SYS_futex, call.args[0], old_op, call.args[2], AddressOf(&left));
}

// CLOCK_MONOTONIC_RAW (2.6.28), the coarse clocks (2.6.32) and CLOCK_BOOTTIME (2.6.39) are variants
// of two clocks that every kernel has.
int32_t ClockGettime(const ShimmedCall& call, int32_t error) {
  switch (call.args[0]) {
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      return KernelCall(SYS_clock_gettime, CLOCK_MONOTONIC, call.args[1]);
    case CLOCK_REALTIME_COARSE:
      return KernelCall(SYS_clock_gettime, CLOCK_REALTIME, call.args[1]);
    default:
      return error;
  }
}

// The library implements fstat() with AT_EMPTY_PATH (2.6.39) and an empty path.
int32_t Fstat(const ShimmedCall& call, int32_t error) {
  const bool is_fstat =
      (call.args[3] & AT_EMPTY_PATH) != 0 && *PointerTo<const char>(call.args[1]) == '\0';
  return is_fstat ? KernelCall(SYS_fstat64, call.args[0], call.args[2]) : error;
}

// prlimit() (2.6.36) takes 64-bit limits and any process. The fallback handles 32-bit limits of
// this process.
int32_t Prlimit(const ShimmedCall& call) {
  struct Limits32 {
    uint32_t soft;
    uint32_t hard;
  };
  struct Limits64 {
    uint64_t soft;
    uint64_t hard;
  };
  if (call.args[0] != 0) return -ENOSYS;
  const int32_t resource = call.args[1];
  if (auto* const old = PointerTo<Limits64>(call.args[3]); old != nullptr) {
    Limits32 limits;
    const int32_t error = KernelCall(SYS_ugetrlimit, resource, AddressOf(&limits));
    if (error != 0) return error;
    const auto widen = [](uint32_t limit) { return limit == UINT32_MAX ? UINT64_MAX : limit; };
    old->soft = widen(limits.soft);
    old->hard = widen(limits.hard);
  }
  const auto* const wanted = PointerTo<const Limits64>(call.args[2]);
  if (wanted == nullptr) return 0;
  const auto narrow = [](uint64_t limit) {
    return limit > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(limit);
  };
  const Limits32 limits = {narrow(wanted->soft), narrow(wanted->hard)};
  return KernelCall(SYS_setrlimit, resource, AddressOf(&limits));
}

int32_t Answer(const ShimmedCall& call, int32_t error) {
  const bool is_unknown = error == -ENOSYS;
  switch (call.number) {
    case SYS_clock_gettime:
      return ClockGettime(call, error);
    case SYS_fstatat64:
      return Fstat(call, error);
    case SYS_futex:
      return is_unknown ? FutexWait(call) : error;
    case SYS_prlimit64:
      return is_unknown ? Prlimit(call) : error;
    case SYS_pipe2:  // 2.6.27: the library implements pipe() with it
      return is_unknown && call.args[1] == 0 ? KernelCall(SYS_pipe, call.args[0]) : error;
    case SYS_getrandom:  // 3.17: without it, std::random_device blocks on /dev/random
      return is_unknown ? RandomBytes(PointerTo<void>(call.args[0]), call.args[1]) : error;
    default:
      return error;
  }
}

}  // namespace
}  // namespace lguest::syscall_shim

int32_t SyscallShimFallback(const ShimmedCall* call, int32_t error) {
  return lguest::syscall_shim::Answer(*call, error);
}
