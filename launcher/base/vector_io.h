// read(), readv() and write() in the forms that the sandbox of the launcher has.

#ifndef LAUNCHER_BASE_VECTOR_IO_H_
#define LAUNCHER_BASE_VECTOR_IO_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace lguest {

// Like readv(), by the call that also reads disks: preadv2(), with the offset that stands for the
// file position. Before Linux 4.6 the C library calls readv().
inline ssize_t ReadVector(int fd, const iovec* pieces, int count) {
  return preadv64v2(fd, pieces, count, -1, 0);
}

// Like read().
inline ssize_t ReadBytes(int fd, void* to, size_t size) {
  const iovec piece = {.iov_base = to, .iov_len = size};
  return ReadVector(fd, &piece, 1);
}

// Like write(). Async-signal-safe.
inline ssize_t WriteBytes(int fd, const void* from, size_t size) {
  const iovec piece = {.iov_base = const_cast<void*>(from), .iov_len = size};
  return writev(fd, &piece, 1);
}

}  // namespace lguest

#endif  // LAUNCHER_BASE_VECTOR_IO_H_
