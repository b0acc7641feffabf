// Raw mode of the user's terminal while a guest runs.

#ifndef DEVICES_CONSOLE_RAW_TERMINAL_H_
#define DEVICES_CONSOLE_RAW_TERMINAL_H_

#include <memory>

#include "absl/status/statusor.h"

namespace lguest {

// Keeps a terminal in raw mode, so that every key goes to the guest. Restores the original mode on
// destruction, on exit(), and on signals that end or stop the process (SIGINT, SIGTERM, SIGHUP,
// SIGQUIT, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTSTP). When the process continues
// in the foreground, the terminal becomes raw again. Signals that the program ignores stay ignored;
// a handler that was installed before this object runs after the terminal is restored.
//
// Output processing (OPOST) stays on, so that lines of the guest and of the launcher start in the
// first column.
//
// At most one object may exist, because signal handlers are per process.
class RawTerminal {
 public:
  // `fd`: normally standard input. Does nothing when it is not a terminal. Does not change the
  // terminal while this process is in the background. FailedPrecondition when an active RawTerminal
  // exists; or the errno of the terminal as a status.
  static absl::StatusOr<std::unique_ptr<RawTerminal>> Create(int fd);

  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  explicit RawTerminal(bool active) : active_(active) {}

  const bool active_;  // `fd` is a terminal and the signal handlers are installed
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_RAW_TERMINAL_H_
