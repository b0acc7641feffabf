// read() and write() in the form of readv() and writev().

#ifndef LAUNCHER_BASE_VECTOR_IO_H_
#define LAUNCHER_BASE_VECTOR_IO_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace lguest {

// Like read(). Devices need readv() anyway, so the filter of the sandbox has no read().
inline ssize_t ReadBytes(int fd, void* to, size_t size) {
  const iovec piece = {.iov_base = to, .iov_len = size};
  return readv(fd, &piece, 1);
}

// Like write(). Async-signal-safe.
inline ssize_t WriteBytes(int fd, const void* from, size_t size) {
  const iovec piece = {.iov_base = const_cast<void*>(from), .iov_len = size};
  return writev(fd, &piece, 1);
}

}  // namespace lguest

#endif  // LAUNCHER_BASE_VECTOR_IO_H_
