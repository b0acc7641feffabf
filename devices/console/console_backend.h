// The input and output of a guest's console: a terminal, a pipe or a test.

#ifndef DEVICES_CONSOLE_CONSOLE_BACKEND_H_
#define DEVICES_CONSOLE_CONSOLE_BACKEND_H_

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

class ConsoleBackend {
 public:
  virtual ~ConsoleBackend() = default;

  // Readable when Read() would not return Unavailable.
  virtual int input_fd() const = 0;

  // Reads 1 to `to.size()` bytes without blocking. 0: end of input. Unavailable: nothing to read
  // now. FailedPrecondition: the input belongs to another program for now. Any other error is
  // permanent.
  virtual absl::StatusOr<size_t> Read(std::span<std::byte> to) = 0;

  // Takes the first bytes of `from`, as many as it can without blocking, and returns their number.
  // After an error all of `from` is lost.
  virtual absl::StatusOr<size_t> Write(std::span<const iovec> from) = 0;

  // Writes bytes that Write() has buffered, without blocking. False: some remain. After an error
  // they are lost.
  virtual absl::StatusOr<bool> Flush() { return true; }

  // Blocks until Write() or Flush() may make progress, or until `other_fd` (-1: none) is readable.
  // Cancelled: the launcher is asked to end.
  virtual absl::Status WaitForRoom(int other_fd) = 0;
};

// Uses two file descriptors, normally standard input and output. The caller keeps ownership of them
// and must ignore SIGPIPE. This class does not change the flags of the open files, because the
// shell and other programs share them. It opens an output terminal once more, so that it need not
// ask for room before each write.
class FdConsoleBackend final : public ConsoleBackend {
 public:
  // `end_fd`: readable once the launcher is asked to end; -1: never.
  FdConsoleBackend(int input_fd, int output_fd, int end_fd = -1);

  int input_fd() const override { return input_fd_; }
  absl::StatusOr<size_t> Read(std::span<std::byte> to) override;
  absl::StatusOr<size_t> Write(std::span<const iovec> from) override;
  absl::Status WaitForRoom(int other_fd) override;

 private:
  const int input_fd_;
  const int output_fd_;
  const int end_fd_;
  const UniqueFd
      terminal_;  // `output_fd_` as an open file of our own, which does not block; or none
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_CONSOLE_BACKEND_H_
