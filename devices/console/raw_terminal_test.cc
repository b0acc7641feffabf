#include "devices/console/raw_terminal.h"

#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

// The child's ends of the pipes between the child and the test.
int g_child_ready_fd = -1;
int g_child_go_fd = -1;

// A child process in a new session, with a pseudo-terminal as its standard input. The test holds
// the master side. It also keeps the slave side open, to read the terminal mode after the child has
// exited.
class ChildOnTerminal {
 public:
  // Runs `body` in the child; its return value is the exit code.
  explicit ChildOnTerminal(const std::function<int()>& body) {
    int terminal_fd = -1;
    EXPECT_EQ(openpty(&user_fd_, &terminal_fd, nullptr, nullptr, nullptr), 0);
    terminal_fd_ = terminal_fd;
    tcgetattr(terminal_fd_, &original_);
    int ready[2];
    int go[2];
    EXPECT_EQ(pipe(ready), 0);
    EXPECT_EQ(pipe(go), 0);
    ready_fd_ = ready[0];
    go_fd_ = go[1];
    child_ = fork();
    if (child_ == 0) {
      close(ready_fd_);
      close(go_fd_);
      close(user_fd_);
      login_tty(terminal_fd);
      g_child_ready_fd = ready[1];
      g_child_go_fd = go[0];
      exit(body());
    }
    close(ready[1]);
    close(go[0]);
  }

  ~ChildOnTerminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(user_fd_);
    close(terminal_fd_);
    close(ready_fd_);
    close(go_fd_);
  }

  // For the child: signals the test that it may check, and waits until the test has checked.
  static void SignalReady() {
    if (write(g_child_ready_fd, "r", 1) != 1) _exit(94);
  }
  static void WaitGo() {
    char c;
    if (read(g_child_go_fd, &c, 1) != 1) _exit(95);
  }
  static int WaitForever() {
    while (true) pause();
  }

  // For the test.
  void WaitReady() const {
    char c;
    ASSERT_EQ(read(ready_fd_, &c, 1), 1);
  }
  void SignalGo() const { ASSERT_EQ(write(go_fd_, "g", 1), 1); }
  bool IsRaw() const {
    const termios now = Mode();
    return (now.c_lflag & (ICANON | ECHO | ISIG | IEXTEN)) == 0 &&
           (now.c_iflag & (IXON | ICRNL)) == 0;
  }
  bool IsRestored() const {
    const termios now = Mode();
    return now.c_lflag == original_.c_lflag && now.c_iflag == original_.c_iflag &&
           now.c_oflag == original_.c_oflag && now.c_cflag == original_.c_cflag &&
           now.c_cc[VMIN] == original_.c_cc[VMIN] && now.c_cc[VTIME] == original_.c_cc[VTIME];
  }
  bool BecomesRaw() const {
    return Becomes([this] { return IsRaw(); });
  }
  termios Mode() const {
    termios now = {};
    EXPECT_EQ(tcgetattr(terminal_fd_, &now), 0);
    return now;
  }
  void SetOriginal() const { EXPECT_EQ(tcsetattr(terminal_fd_, TCSANOW, &original_), 0); }
  pid_t child() const { return child_; }
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    return status;
  }

 private:
  static bool Becomes(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  int user_fd_ = -1;
  int terminal_fd_ = -1;
  int ready_fd_ = -1;
  int go_fd_ = -1;
  pid_t child_ = -1;
  termios original_ = {};
};

int RunRawForever() {
  const auto raw = RawTerminal::Create(STDIN_FILENO);
  if (!raw.ok()) return 99;
  ChildOnTerminal::SignalReady();
  return ChildOnTerminal::WaitForever();
}

TEST(RawTerminal, EveryKeyReachesTheGuest_B41) {
  ChildOnTerminal terminal(RunRawForever);
  terminal.WaitReady();
  const termios mode = terminal.Mode();
  EXPECT_EQ(mode.c_lflag & (ICANON | ECHO | ECHONL | ISIG | IEXTEN), 0u);
  EXPECT_EQ(mode.c_iflag & (IXON | ICRNL | INLCR | IGNCR | ISTRIP | BRKINT | PARMRK), 0u);
  EXPECT_EQ(mode.c_cflag & (CSIZE | PARENB), tcflag_t{CS8});
  EXPECT_NE(mode.c_oflag & OPOST, 0u);
  EXPECT_EQ(mode.c_cc[VMIN], 1);
  EXPECT_EQ(mode.c_cc[VTIME], 0);
}

TEST(RawTerminal, DestructionRestores) {
  ChildOnTerminal terminal([] {
    {
      const auto raw = RawTerminal::Create(STDIN_FILENO);
      ChildOnTerminal::SignalReady();
      ChildOnTerminal::WaitGo();
    }
    ChildOnTerminal::SignalReady();
    return ChildOnTerminal::WaitForever();
  });
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRaw());
  terminal.SignalGo();
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRestored());
}

TEST(RawTerminal, OneAtATime) {
  ChildOnTerminal terminal([] {
    const auto raw = RawTerminal::Create(STDIN_FILENO);
    const auto second = RawTerminal::Create(STDIN_FILENO);
    return absl::IsFailedPrecondition(second.status()) ? 0 : 1;
  });
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 0);
  EXPECT_TRUE(terminal.IsRestored());
}

TEST(RawTerminal, ExitRestores) {
  ChildOnTerminal terminal([]() -> int {
    const auto raw = RawTerminal::Create(STDIN_FILENO);
    if (!raw.ok()) return 99;
    exit(7);  // unlike a return, runs no destructor
  });
  const int status = terminal.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  EXPECT_TRUE(terminal.IsRestored());
}

class RawTerminalSignal : public testing::TestWithParam<int> {};

TEST_P(RawTerminalSignal, RestoresAndEndsTheProcess_B40) {
  ChildOnTerminal terminal([] {
    signal(GetParam(), SIG_DFL);  // replaces the handler of a sanitizer, which would exit
    return RunRawForever();
  });
  terminal.WaitReady();
  ASSERT_TRUE(terminal.IsRaw());
  ASSERT_EQ(kill(terminal.child(), GetParam()), 0);
  const int status = terminal.Wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), GetParam());
  EXPECT_TRUE(terminal.IsRestored());
}

INSTANTIATE_TEST_SUITE_P(EverySignal, RawTerminalSignal,
                         testing::Values(SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT,
                                         SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGUSR1, SIGUSR2, SIGALRM,
                                         SIGXCPU),
                         [](const auto& each) { return std::string(sigabbrev_np(each.param)); });

TEST(RawTerminal, IgnoredSignalsStayIgnored) {
  ChildOnTerminal terminal([] {
    signal(SIGPIPE, SIG_IGN);
    return RunRawForever();
  });
  terminal.WaitReady();
  ASSERT_EQ(kill(terminal.child(), SIGPIPE), 0);
  ASSERT_EQ(kill(terminal.child(), SIGTERM), 0);
  EXPECT_EQ(WTERMSIG(terminal.Wait()), SIGTERM);
}

TEST(RawTerminal, HandledSignalStaysHandled) {
  ChildOnTerminal terminal([] {
    signal(SIGTERM, [](int) { _exit(42); });
    return RunRawForever();
  });
  terminal.WaitReady();
  ASSERT_EQ(kill(terminal.child(), SIGTERM), 0);
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 42);
}

TEST(RawTerminal, TerminalOfAnotherSessionIsRaw_F9) {
  ChildOnTerminal terminal([]() -> int {
    // As under su: a new session, to which the terminal does not belong.
    const pid_t child = fork();
    if (child == 0) {
      setsid();
      const auto raw = RawTerminal::Create(STDIN_FILENO);
      if (!raw.ok() || !RawTerminal::MayRead(STDIN_FILENO)) _exit(99);
      ChildOnTerminal::SignalReady();
      ChildOnTerminal::WaitGo();
      exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ChildOnTerminal::SignalReady();
    ChildOnTerminal::WaitGo();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
  });
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRaw());
  terminal.SignalGo();
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRestored());
  terminal.SignalGo();
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 0);
}

TEST(RawTerminal, BackgroundMayNotReadAndForegroundBecomesRaw_F10) {
  ChildOnTerminal terminal([]() -> int {
    signal(SIGTTOU, SIG_IGN);
    setpgid(0, 0);
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);  // in the background
      const auto raw = RawTerminal::Create(STDIN_FILENO);
      if (!raw.ok() || RawTerminal::MayRead(STDIN_FILENO)) _exit(99);
      ChildOnTerminal::SignalReady();
      ChildOnTerminal::WaitGo();
      tcsetpgrp(STDIN_FILENO, getpid());  // as a shell does for `fg`
      if (!RawTerminal::MayRead(STDIN_FILENO)) _exit(98);
      ChildOnTerminal::SignalReady();
      ChildOnTerminal::WaitGo();
      exit(0);
    }
    int status = 0;
    waitpid(job, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
  });
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRestored());
  terminal.SignalGo();
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRaw());
  terminal.SignalGo();
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 0);
}

// A job-control shell with one job, which runs in the foreground with the terminal in raw mode.
class Shell {
 public:
  Shell() {
    int ready[2];
    if (pipe(ready) != 0) _exit(90);
    signal(SIGTTOU, SIG_IGN);
    job_ = fork();
    if (job_ == 0) {
      setpgid(0, 0);
      tcsetpgrp(STDIN_FILENO, getpid());
      signal(SIGTTOU, SIG_DFL);
      const auto raw = RawTerminal::Create(STDIN_FILENO);
      if (!raw.ok() || write(ready[1], "r", 1) != 1) _exit(91);
      ChildOnTerminal::WaitForever();
    }
    char c;
    if (read(ready[0], &c, 1) != 1) _exit(92);
  }
  ~Shell() {
    kill(job_, SIGKILL);
    waitpid(job_, nullptr, 0);
  }
  void Stop(int signal) {
    int status = 0;
    kill(job_, signal);
    if (waitpid(job_, &status, WUNTRACED) != job_ || !WIFSTOPPED(status)) _exit(93);
    tcsetpgrp(STDIN_FILENO, getpid());
  }
  void Foreground() {
    tcsetpgrp(STDIN_FILENO, job_);
    kill(job_, SIGCONT);
  }
  void Background() { kill(job_, SIGCONT); }

 private:
  pid_t job_;
};

TEST(RawTerminal, StopRestoresAndForegroundIsRaw_B40) {
  ChildOnTerminal terminal([] {
    Shell shell;
    for (int i = 0; i < 3; ++i) {
      ChildOnTerminal::SignalReady();
      ChildOnTerminal::WaitGo();
      shell.Stop(SIGTSTP);
      ChildOnTerminal::SignalReady();
      ChildOnTerminal::WaitGo();
      shell.Foreground();
    }
    ChildOnTerminal::WaitGo();
    return 0;
  });
  for (int i = 0; i < 3; ++i) {
    terminal.WaitReady();
    EXPECT_TRUE(terminal.BecomesRaw());
    terminal.SignalGo();
    terminal.WaitReady();
    EXPECT_TRUE(terminal.IsRestored());
    terminal.SignalGo();
  }
  EXPECT_TRUE(terminal.BecomesRaw());
}

TEST(RawTerminal, ForegroundAfterSigstopIsRaw_B40) {
  ChildOnTerminal terminal([] {
    Shell shell;
    shell.Stop(SIGSTOP);
    ChildOnTerminal::SignalReady();
    ChildOnTerminal::WaitGo();
    shell.Foreground();
    ChildOnTerminal::WaitGo();
    return 0;
  });
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRaw());
  terminal.SetOriginal();  // a shell does this when a job stops
  terminal.SignalGo();
  EXPECT_TRUE(terminal.BecomesRaw());
}

TEST(RawTerminal, BackgroundContinueKeepsTheMode_B41) {
  ChildOnTerminal terminal([] {
    Shell shell;
    shell.Stop(SIGTSTP);
    shell.Background();
    ChildOnTerminal::SignalReady();
    ChildOnTerminal::WaitGo();
    return 0;
  });
  terminal.WaitReady();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_TRUE(terminal.IsRestored());
}

TEST(RawTerminal, BackgroundExitKeepsTheMode_B41) {
  ChildOnTerminal terminal([] {
    Shell shell;
    shell.Stop(SIGSTOP);
    ChildOnTerminal::SignalReady();
    ChildOnTerminal::WaitGo();
    shell.Background();
    return 0;
  });
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRaw());  // a real shell would restore it
  terminal.SignalGo();
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 0);
}

TEST(RawTerminal, DeathOfAChildKeepsRawMode) {
  ChildOnTerminal terminal([] {
    const auto raw = RawTerminal::Create(STDIN_FILENO);
    const pid_t child = fork();
    if (child == 0) ChildOnTerminal::WaitForever();
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ChildOnTerminal::SignalReady();
    return ChildOnTerminal::WaitForever();
  });
  terminal.WaitReady();
  EXPECT_TRUE(terminal.IsRaw());
}

TEST(RawTerminal, BackgroundCreateKeepsTheMode_B41) {
  ChildOnTerminal terminal([]() -> int {
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);  // no longer in the foreground group
      const auto raw = RawTerminal::Create(STDIN_FILENO);
      _exit(raw.ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(job, &status, WUNTRACED);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
  });
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 0);
  EXPECT_TRUE(terminal.IsRestored());
}

TEST(RawTerminal, NotATerminalIsIgnored_B42) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGTERM, nullptr, &before), 0);
  const auto raw = RawTerminal::Create(fds[0]);
  EXPECT_TRUE(raw.ok());
  struct sigaction after;
  ASSERT_EQ(sigaction(SIGTERM, nullptr, &after), 0);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
  close(fds[0]);
  close(fds[1]);
}

}  // namespace
}  // namespace lguest
