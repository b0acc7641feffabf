// The user's terminal, lent to a guest.

#ifndef DEVICES_CONSOLE_RAW_TERMINAL_H_
#define DEVICES_CONSOLE_RAW_TERMINAL_H_

#include <memory>

#include "absl/status/statusor.h"

namespace lguest {

// Keeps a terminal in raw mode, so that every key goes to the guest, and gives it back as it was on
// every way out that a program can see: destruction, exit(), and the signals that end or stop it
// (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTSTP).
// After being stopped and continued in the foreground it is raw again. Signals that the program
// ignores stay ignored; handlers installed before this object get their signal afterwards.
//
// Only output processing (OPOST) stays on, so that lines of the guest and of the launcher start in
// the first column.
//
// One at a time: the signals of a process are one.
class RawTerminal {
 public:
  // `fd`: as a rule standard input. Does nothing at all when it is no terminal, and nothing to the
  // terminal as long as this process is not in its foreground. FailedPrecondition when there is one
  // already; an error when the terminal refuses.
  static absl::StatusOr<std::unique_ptr<RawTerminal>> Create(int fd);

  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  explicit RawTerminal(bool active) : active_(active) {}

  const bool active_;  // `fd` is a terminal, and the signals are handled
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_RAW_TERMINAL_H_
