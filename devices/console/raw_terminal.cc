#include "devices/console/raw_terminal.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "absl/base/call_once.h"
#include "absl/status/status.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

// SIGCONT is included because SIGSTOP cannot be handled: after it, the shell may have changed the
// terminal mode.
constexpr std::array kJobSignals = {SIGTSTP, SIGCONT};

// State of the signal handlers, which can only use globals. `g_fd` is -1 while no RawTerminal is
// active. Create() sets `g_fd` after `g_original` and `g_raw`; the destructor resets it after the
// handlers are removed.
std::atomic<int> g_fd = -1;
std::atomic<bool> g_is_raw = false;
std::atomic<bool> g_is_stopping = false;  // SIGTSTP is being handled
std::atomic<const WakePipe*> g_continued = nullptr;
// The launcher's process group. It never changes after exec(): the launcher does not leave it, and
// the parent process cannot move the launcher any more.
std::atomic<pid_t> g_group = getpgrp();
termios g_original;
termios g_raw;
std::array<struct sigaction, kJobSignals.size()> g_previous;
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

// A background process must not change the terminal: it would disturb the foreground process, and
// the kernel would stop the background process (SIGTTOU). Only a controlling terminal has a
// foreground process group; for another one tcgetpgrp() fails.
bool InForeground(int fd) {
  const pid_t group = tcgetpgrp(fd);
  return group == -1 || group == g_group.load();
}

int SetMode(int fd, const termios& mode) {
  int result;
  do {
    result = tcsetattr(fd, TCSANOW, &mode);
  } while (result != 0 && errno == EINTR);
  return result;
}

// The following functions run in signal handlers: only async-signal-safe calls, and the handlers
// preserve errno.

void Restore() {
  const int fd = g_fd.load();
  if (fd == -1 || !g_is_raw.exchange(false)) return;
  if (InForeground(fd)) SetMode(fd, g_original);
}

void MakeRaw() {
  const int fd = g_fd.load();
  if (fd == -1 || !InForeground(fd)) return;
  if (SetMode(fd, g_raw) == 0) g_is_raw.store(true);
  // OnStop() on another thread may have called Restore() just before.
  if (g_is_stopping.load()) Restore();
}

const struct sigaction& PreviousAction(int signal) {
  size_t i = 0;
  while (kJobSignals[i] != signal) ++i;
  return g_previous[i];
}

void OnStop(int signal) {
  const int saved_errno = errno;
  g_is_stopping.store(true);
  Restore();
  struct sigaction ours;
  sigaction(signal, &PreviousAction(signal), &ours);
  raise(signal);
  sigset_t only_this;
  sigemptyset(&only_this);
  sigaddset(&only_this, signal);
  pthread_sigmask(SIG_UNBLOCK, &only_this, nullptr);  // stops here until SIGCONT
  pthread_sigmask(SIG_BLOCK, &only_this, nullptr);
  sigaction(signal, &ours, nullptr);
  g_is_stopping.store(false);
  MakeRaw();
  errno = saved_errno;
}

void OnContinue(int signal) {
  const int saved_errno = errno;
  MakeRaw();
  if (const WakePipe* const pipe = g_continued.load(); pipe != nullptr) pipe->Wake();
  const struct sigaction& previous = PreviousAction(signal);
  if ((previous.sa_flags & SA_SIGINFO) == 0 && previous.sa_handler != SIG_DFL) {
    previous.sa_handler(signal);
  }
  errno = saved_errno;
}

void InstallHandlers() {
  for (size_t i = 0; i < kJobSignals.size(); ++i) {
    const int signal = kJobSignals[i];
    sigaction(signal, nullptr, &g_previous[i]);
    if ((g_previous[i].sa_flags & SA_SIGINFO) == 0 && g_previous[i].sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = signal == SIGTSTP ? OnStop : OnContinue;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

void RemoveHandlers() {
  for (size_t i = 0; i < kJobSignals.size(); ++i) {
    sigaction(kJobSignals[i], &g_previous[i], nullptr);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawTerminal>> RawTerminal::Create(int fd) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<RawTerminal> terminal(new RawTerminal());
  if (isatty(fd) == 0) return terminal;
  if (g_fd.load() != -1) {
    return absl::FailedPreconditionError("another terminal is already in raw mode");
  }
  if (tcgetattr(fd, &g_original) != 0) {
    return ErrnoStatus("reading the terminal mode");
  }
  g_raw = RawModeOf(g_original);
  g_group.store(getpgrp());
  static absl::once_flag at_exit;
  absl::call_once(at_exit, [] { std::atexit(Restore); });
  ASSIGN_OR_RETURN(WakePipe continued, WakePipe::Create());
  g_continued.store(&terminal->continued_.emplace(std::move(continued)));
  g_fd.store(fd);
  InstallHandlers();
  terminal->restore_.emplace([](void* /*context*/) { Restore(); }, nullptr);
  if (!InForeground(fd)) {
    g_continued.load()->Wake();
    return terminal;
  }
  if (SetMode(fd, g_raw) != 0) return ErrnoStatus("setting the terminal to raw mode");
  g_is_raw.store(true);
  // tcsetattr() succeeds when it could apply a part of the changes.
  termios now;
  if (tcgetattr(fd, &now) != 0 || now.c_lflag != g_raw.c_lflag || now.c_iflag != g_raw.c_iflag) {
    return absl::FailedPreconditionError("the terminal did not enter raw mode");
  }
  return terminal;
}

RawTerminal::~RawTerminal() {
  if (!restore_.has_value()) return;
  Restore();
  restore_.reset();
  RemoveHandlers();
  g_continued.store(nullptr);
  g_fd.store(-1);
}

bool RawTerminal::MayRead(int fd) {
  if (!InForeground(fd) || g_is_stopping.load()) return false;
  if (!g_is_raw.load()) MakeRaw();
  return true;
}

}  // namespace lguest
