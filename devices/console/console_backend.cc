#include "devices/console/console_backend.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "devices/console/raw_terminal.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

bool IsReady(int fd, int16_t events) {
  pollfd ready = {.fd = fd, .events = events, .revents = 0};
  return poll(&ready, 1, 0) == 1;
}

// None if `fd` is no terminal, or one that cannot be opened, such as another user's.
UniqueFd OpenTerminalAgain(int fd) {
  if (isatty(fd) == 0) return UniqueFd();
  return UniqueFd(open(absl::StrCat("/proc/self/fd/", fd).c_str(),
                       O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

FdConsoleBackend::FdConsoleBackend(int input_fd, int output_fd, int end_fd)
    : input_fd_(input_fd),
      output_fd_(output_fd),
      end_fd_(end_fd),
      terminal_(OpenTerminalAgain(output_fd)) {}

absl::StatusOr<size_t> FdConsoleBackend::Read(std::span<std::byte> to) {
  if (!RawTerminal::MayRead(input_fd_)) {
    return absl::FailedPreconditionError("the launcher is in the background of its terminal");
  }
  // The descriptor may be blocking, and O_NONBLOCK would affect other programs.
  if (!IsReady(input_fd_, POLLIN)) return absl::UnavailableError("no input");
  const ssize_t len = ReadBytes(input_fd_, to.data(), to.size());
  if (len >= 0) return static_cast<size_t>(len);
  if (errno == EINTR || errno == EAGAIN) return absl::UnavailableError("no input");
  // Not by ErrnoStatus, whose codes have other meanings here.
  return absl::DataLossError(absl::StrCat("reading console input: ", strerror(errno)));
}

absl::StatusOr<size_t> FdConsoleBackend::Write(std::span<const iovec> from) {
  int to = terminal_.valid() ? terminal_.get() : output_fd_;
  size_t done = 0;
  for (const iovec& piece : from) {
    for (size_t start = 0; start < piece.iov_len;) {
      // The descriptor may be blocking. A pipe that is ready takes PIPE_BUF bytes at once.
      if (to == output_fd_ && !IsReady(output_fd_, POLLOUT)) return done;
      const size_t part = std::min<size_t>(piece.iov_len - start, PIPE_BUF);
      const ssize_t len = WriteBytes(to, static_cast<const char*>(piece.iov_base) + start, part);
      if (len >= 0) {
        start += static_cast<size_t>(len);
        done += static_cast<size_t>(len);
      } else if (errno == EAGAIN) {
        // Another program has set O_NONBLOCK on the open file.
        if (to == output_fd_) return done;
        // Room for a part of a line end is room for poll(), but not for a write that does not
        // block.
        to = output_fd_;
      } else if (errno != EINTR) {
        return ErrnoStatus("writing console output");
      }
    }
  }
  return done;
}

absl::Status FdConsoleBackend::WaitForRoom(int other_fd) {
  // poll() ignores descriptors below 0.
  std::array<pollfd, 3> wait = {{{.fd = output_fd_, .events = POLLOUT, .revents = 0},
                                 {.fd = other_fd, .events = POLLIN, .revents = 0},
                                 {.fd = end_fd_, .events = POLLIN, .revents = 0}}};
  poll(wait.data(), wait.size(), -1);
  if (wait[2].revents != 0) return absl::CancelledError("the launcher is asked to end");
  return absl::OkStatus();
}

}  // namespace lguest
