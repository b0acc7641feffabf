// Wakes a thread that waits for descriptors.

#ifndef LAUNCHER_BASE_WAKE_PIPE_H_
#define LAUNCHER_BASE_WAKE_PIPE_H_

#include <utility>

#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

// A pipe whose read end becomes readable with Wake(). An eventfd would be one descriptor less, but
// is younger than Linux 2.6.23 has it. Both ends are close-on-exec and never block.
class WakePipe {
 public:
  // The errno of pipe() or fcntl() as a status.
  static absl::StatusOr<WakePipe> Create();

  int fd() const { return read_end_.get(); }

  // Makes fd() readable. From any thread, and from a signal handler. Never blocks: if the pipe is
  // full, fd() is readable already.
  void Wake() const;

  // Makes fd() unreadable until the next Wake(). On the thread that waits.
  void Clear() const;

 private:
  WakePipe(UniqueFd read_end, UniqueFd write_end)
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}

  UniqueFd read_end_;
  UniqueFd write_end_;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_WAKE_PIPE_H_
