#include "launcher/base/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

// The 64-bit forms, so that offsets are whole in a 32-bit build too.
int SetLock(int fd, int16_t type, FileRange range) {
  struct flock64 lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = range.start;
  lock.l_len = range.len;
  const int result = fcntl64(fd, F_OFD_SETLK, &lock);
  if (result == 0 || errno != EINVAL) return result;
  return fcntl64(fd, F_SETLK64, &lock);
}

}  // namespace

absl::StatusOr<bool> LockFile(int fd, FileLock lock, FileRange range) {
  if (SetLock(fd, lock == FileLock::kShared ? F_RDLCK : F_WRLCK, range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS) {
    return absl::UnimplementedError("the file system has no locks");
  }
  return ErrnoStatus("locking");
}

absl::Status UnlockFile(int fd, FileRange range) {
  if (SetLock(fd, F_UNLCK, range) == 0) return absl::OkStatus();
  return ErrnoStatus("unlocking");
}

}  // namespace lguest
