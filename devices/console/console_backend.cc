#include "devices/console/console_backend.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "devices/bus/io_vector.h"
#include "launcher/base/status_macros.h"

namespace lguest {

absl::StatusOr<size_t> FdConsoleBackend::Read(std::span<std::byte> to) {
  // The descriptor may be blocking, and O_NONBLOCK would affect other programs.
  pollfd ready = {.fd = input_fd_, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, 0) != 1) return absl::UnavailableError("no input");
  const ssize_t len = read(input_fd_, to.data(), to.size());
  if (len >= 0) return static_cast<size_t>(len);
  if (errno == EINTR || errno == EAGAIN) return absl::UnavailableError("no input");
  return ErrnoStatus("reading console input");
}

absl::Status FdConsoleBackend::Write(std::span<const iovec> from) {
  IoVector rest(from);
  while (!rest.empty()) {
    // A guest sends one piece for every few characters; write() is cheaper than writev().
    const iovec& first = *rest.data();
    const ssize_t len = rest.count() == 1 ? write(output_fd_, first.iov_base, first.iov_len)
                                          : writev(output_fd_, rest.data(), rest.count());
    if (len >= 0) {
      rest.Consume(static_cast<size_t>(len));
    } else if (errno == EAGAIN) {
      // Another program has set O_NONBLOCK on the open file: wait as write() would without it.
      pollfd ready = {.fd = output_fd_, .events = POLLOUT, .revents = 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return ErrnoStatus("writing console output");
    }
  }
  return absl::OkStatus();
}

}  // namespace lguest
