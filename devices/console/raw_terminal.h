// Raw mode of the user's terminal while a guest runs.

#ifndef DEVICES_CONSOLE_RAW_TERMINAL_H_
#define DEVICES_CONSOLE_RAW_TERMINAL_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "launcher/base/deadly_signals.h"
#include "launcher/base/wake_pipe.h"

namespace lguest {

// Keeps a terminal in raw mode, so that every key goes to the guest. Restores the original mode on
// destruction, on exit(), on signals that end the process (see DeadlySignalAction), and on SIGTSTP.
// When the process continues in the foreground, the terminal becomes raw again.
//
// Output processing (OPOST) stays on, so that lines of the guest and of the launcher start in the
// first column.
//
// At most one object may exist, because signal handlers are per process.
class RawTerminal {
 public:
  // `fd`: normally standard input. Does nothing when it is not a terminal. Does not change the
  // terminal while this process is in the background. A terminal that is not the controlling
  // terminal of this process (after setsid or su) has no background. FailedPrecondition when an
  // active RawTerminal exists; or the errno of the terminal as a status.
  static absl::StatusOr<std::unique_ptr<RawTerminal>> Create(int fd);

  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Becomes readable when this process may have left the foreground: it starts in the background,
  // or continues after a stop. Input may then be another program's for a while. -1: not a terminal.
  int continued_fd() const { return continued_.has_value() ? continued_->fd() : -1; }

  // True if this process may read `fd`: it is no terminal, or this process is in its foreground. To
  // read a terminal from the background would stop the process (SIGTTIN). If the process has come
  // to the foreground, makes the terminal of the active object raw first.
  static bool MayRead(int fd);

 private:
  RawTerminal() = default;

  // None if `fd` is not a terminal.
  std::optional<WakePipe> continued_;
  std::optional<DeadlySignalAction> restore_;
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_RAW_TERMINAL_H_
