// Locks on files that several launchers use.

#ifndef LAUNCHER_BASE_FILE_LOCK_H_
#define LAUNCHER_BASE_FILE_LOCK_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace lguest {

enum class FileLock : uint8_t { kShared, kExclusive };

struct FileRange {
  int64_t start = 0;
  int64_t len = 0;  // 0: to the end, wherever that will be
};

// Locks a range of an open file, without waiting. False when somebody else has a lock in the way:
// another process or another open file of this one, whether it took it as this function does or
// with F_SETLK. The lock lasts until the open file (with all duplicates of its descriptor) is
// closed.
//
// On kernels before 3.15 the lock is the process's: it does not stop another open file of the same
// process, and closing any descriptor of the file ends it.
absl::StatusOr<bool> LockFile(int fd, FileLock lock, FileRange range);

// Gives such a lock up early.
absl::Status UnlockFile(int fd, FileRange range);

}  // namespace lguest

#endif  // LAUNCHER_BASE_FILE_LOCK_H_
