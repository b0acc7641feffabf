#include "devices/console/raw_terminal.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "absl/base/call_once.h"
#include "absl/status/status.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

// SIGCONT is handled as well: a stop that no handler sees (SIGSTOP) leaves the terminal to the
// shell.
constexpr std::array kHandledSignals = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT,
                                        SIGSEGV, SIGBUS,  SIGILL, SIGFPE,  SIGTSTP, SIGCONT};

// What signal handlers need, and can reach only as globals. `fd` is -1 while no RawTerminal is
// active and is written last when one starts, first when it ends.
std::atomic<int> g_fd = -1;
std::atomic<bool> g_is_raw = false;
termios g_original;
termios g_raw;
std::array<struct sigaction, kHandledSignals.size()> g_previous;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

termios RawModeOf(termios mode) {
  mode.c_iflag &=
      ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  mode.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  mode.c_cflag |= CS8;
  mode.c_oflag |= OPOST | ONLCR;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  return mode;
}

// In the background, changing the terminal would disturb the program in the foreground, and stop
// us.
bool InForeground(int fd) { return tcgetpgrp(fd) == getpgrp(); }

int SetMode(int fd, const termios& mode) {
  int result;
  do {
    result = tcsetattr(fd, TCSANOW, &mode);
  } while (result != 0 && errno == EINTR);
  return result;
}

// The following run in signal handlers: system calls only, and errno kept.

void MakeRaw() {
  const int fd = g_fd.load();
  if (fd == -1 || !InForeground(fd)) return;
  if (SetMode(fd, g_raw) == 0) g_is_raw.store(true);
}

void Restore() {
  const int fd = g_fd.load();
  if (fd == -1 || !g_is_raw.exchange(false)) return;
  if (InForeground(fd)) SetMode(fd, g_original);
}

const struct sigaction& PreviousAction(int signal) {
  size_t i = 0;
  while (kHandledSignals[i] != signal) ++i;
  return g_previous[i];
}

void OnFatalSignal(int signal) {
  const int saved_errno = errno;
  Restore();
  // Blocked while we are here: it strikes when we return, with the effect it would have had without
  // us.
  sigaction(signal, &PreviousAction(signal), nullptr);
  raise(signal);
  errno = saved_errno;
}

void OnStop(int signal) {
  const int saved_errno = errno;
  Restore();
  struct sigaction ours;
  sigaction(signal, &PreviousAction(signal), &ours);
  raise(signal);
  sigset_t only_this;
  sigemptyset(&only_this);
  sigaddset(&only_this, signal);
  pthread_sigmask(SIG_UNBLOCK, &only_this, nullptr);  // we stop here, until SIGCONT
  pthread_sigmask(SIG_BLOCK, &only_this, nullptr);
  sigaction(signal, &ours, nullptr);
  MakeRaw();
  errno = saved_errno;
}

void OnContinue(int signal) {
  const int saved_errno = errno;
  MakeRaw();
  const struct sigaction& previous = PreviousAction(signal);
  if ((previous.sa_flags & SA_SIGINFO) == 0 && previous.sa_handler != SIG_DFL) {
    previous.sa_handler(signal);
  }
  errno = saved_errno;
}

void InstallHandlers() {
  for (size_t i = 0; i < kHandledSignals.size(); ++i) {
    const int signal = kHandledSignals[i];
    sigaction(signal, nullptr, &g_previous[i]);
    if ((g_previous[i].sa_flags & SA_SIGINFO) == 0 && g_previous[i].sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = signal == SIGTSTP ? OnStop : signal == SIGCONT ? OnContinue : OnFatalSignal;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

void RemoveHandlers() {
  for (size_t i = 0; i < kHandledSignals.size(); ++i) {
    sigaction(kHandledSignals[i], &g_previous[i], nullptr);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawTerminal>> RawTerminal::Create(int fd) {
  // Not make_unique: the constructor is private.
  if (isatty(fd) == 0) return std::unique_ptr<RawTerminal>(new RawTerminal(false));
  if (g_fd.load() != -1) return absl::FailedPreconditionError("a terminal is raw already");
  if (tcgetattr(fd, &g_original) != 0) {
    return ErrnoStatus("asking the terminal for its mode");
  }
  g_raw = RawModeOf(g_original);
  static absl::once_flag at_exit;
  absl::call_once(at_exit, [] { std::atexit(Restore); });
  g_fd.store(fd);
  InstallHandlers();
  std::unique_ptr<RawTerminal> terminal(new RawTerminal(true));
  if (!InForeground(fd)) return terminal;
  if (SetMode(fd, g_raw) != 0) return ErrnoStatus("making the terminal raw");
  g_is_raw.store(true);
  // tcsetattr() is content when it could do a part.
  termios now;
  if (tcgetattr(fd, &now) != 0 || now.c_lflag != g_raw.c_lflag || now.c_iflag != g_raw.c_iflag) {
    return absl::FailedPreconditionError("the terminal did not become raw");
  }
  return terminal;
}

RawTerminal::~RawTerminal() {
  if (!active_) return;
  Restore();
  RemoveHandlers();
  g_fd.store(-1);
}

}  // namespace lguest
