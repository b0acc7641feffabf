// The input and output of a guest's console: a terminal, a pipe or a test.

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

  // Readable when Read() would not return Unavailable.
  virtual int input_fd() const = 0;

  // Reads 1 to `to.size()` bytes without blocking. 0: end of input. Unavailable: nothing to read
  // now. Any other error is permanent.
  virtual absl::StatusOr<size_t> Read(std::span<std::byte> to) = 0;

  // Writes all of `from`; may block. After an error the rest of `from` is lost.
  virtual absl::Status Write(std::span<const iovec> from) = 0;

  // Writes bytes that Write() has buffered. After an error they are lost.
  virtual absl::Status Flush() { return absl::OkStatus(); }
};

// Uses two file descriptors, normally standard input and output. The caller keeps ownership of them
// and must ignore SIGPIPE. This class does not change the flags of the open files, because the
// shell and other programs share them.
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
