// Locks on files that several launchers open.

#ifndef LAUNCHER_BASE_FILE_LOCK_H_
#define LAUNCHER_BASE_FILE_LOCK_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace lguest {

enum class FileLock : uint8_t { kShared, kExclusive };

struct FileRange {
  int64_t start = 0;
  int64_t len = 0;  // 0: to the end of the file, also if the file grows
};

// Locks a range of an open file, without waiting. Returns false if another lock conflicts: of
// another process, or of another open file of this process, taken by this function or by F_SETLK.
// The lock lasts until the open file, with all duplicates of its descriptor, is closed.
// Unimplemented: the file system has no locks.
//
// On kernels before 3.15 the lock belongs to the process: it does not conflict with another open
// file of the same process, and closing any descriptor of the file ends it.
absl::StatusOr<bool> LockFile(int fd, FileLock lock, FileRange range);

// Releases such a lock before the file is closed.
absl::Status UnlockFile(int fd, FileRange range);

}  // namespace lguest

#endif  // LAUNCHER_BASE_FILE_LOCK_H_
