// Makes a system call fail, for tests of what the launcher does then.

#ifndef LAUNCHER_BASE_TESTING_FAILING_SYSTEM_CALL_H_
#define LAUNCHER_BASE_TESTING_FAILING_SYSTEM_CALL_H_

#include <sys/syscall.h>

#include <cstdint>
#include <functional>
#include <optional>

namespace lguest {

// Runs `body` in a child process in which system call `number` fails with `error`: each call, or
// those whose argument `argument` (0 to 5) has the value `value` in its lower 32 bits. Returns the
// child's exit status: what `body` returns; -1: a signal ended the child.
struct SystemCallFault {
  int number;
  int error;
  std::optional<int> argument = std::nullopt;
  uint32_t value = 0;
};
// fcntl() on a 32-bit machine, too.
inline constexpr int kFcntlNumber =
#ifdef SYS_fcntl64
    SYS_fcntl64;
#else
    SYS_fcntl;
#endif

int RunWithFault(const SystemCallFault& fault, const std::function<int()>& body);

}  // namespace lguest

#endif  // LAUNCHER_BASE_TESTING_FAILING_SYSTEM_CALL_H_
