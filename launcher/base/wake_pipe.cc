#include "launcher/base/wake_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

// pipe2(), which sets both at once, is younger than Linux 2.6.23.
bool Prepare(const UniqueFd& fd) {
  return fcntl(fd.get(), F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

absl::StatusOr<WakePipe> WakePipe::Create() {
  std::array<int, 2> ends;
  if (pipe(ends.data()) != 0) return ErrnoStatus("creating a pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  if (!Prepare(read_end) || !Prepare(write_end)) return ErrnoStatus("preparing a pipe");
  return WakePipe(std::move(read_end), std::move(write_end));
}

void WakePipe::Wake() const {
  const int saved_errno = errno;  // for a signal handler
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = WriteBytes(write_end_.get(), &byte, 1);
  errno = saved_errno;
}

void WakePipe::Clear() const {
  std::array<char, 64> drained;
  while (ReadBytes(read_end_.get(), drained.data(), drained.size()) > 0) {
  }
}

}  // namespace lguest
