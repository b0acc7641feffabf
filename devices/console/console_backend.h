// Where a guest's console ends: a terminal, a pipe, a test.

#ifndef DEVICES_CONSOLE_CONSOLE_BACKEND_H_
#define DEVICES_CONSOLE_CONSOLE_BACKEND_H_

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lguest {

class ConsoleBackend {
 public:
  virtual ~ConsoleBackend() = default;

  // Readable when Read() has something to say.
  virtual int input_fd() const = 0;

  // Reads up to `to.size()` bytes, at least one, without waiting. 0: the input has ended.
  // Unavailable: nothing to read just now. Anything else: the input is broken.
  virtual absl::StatusOr<size_t> Read(std::span<std::byte> to) = 0;

  // Writes all of `from`, waiting as long as that takes. An error when the rest is lost.
  virtual absl::Status Write(std::span<const iovec> from) = 0;

  // Writes what a Write() may have kept back. An error when it is lost.
  virtual absl::Status Flush() { return absl::OkStatus(); }
};

// A pair of file descriptors, which stay the caller's: standard input and output, as a rule. The
// flags of their open files are left alone, for the shell and other programs share them. Whoever
// uses it ignores SIGPIPE.
class FdConsoleBackend final : public ConsoleBackend {
 public:
  FdConsoleBackend(int input_fd, int output_fd) : input_fd_(input_fd), output_fd_(output_fd) {}

  int input_fd() const override { return input_fd_; }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override;
  absl::Status Write(std::span<const iovec> from) override;

 private:
  const int input_fd_;
  const int output_fd_;
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_CONSOLE_BACKEND_H_
