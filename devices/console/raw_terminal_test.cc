#include "devices/console/raw_terminal.h"

#include <poll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "devices/testing/child_on_terminal.h"
#include "gtest/gtest.h"

namespace lguest {
namespace {

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
      pollfd asked_to_check = {.fd = (*raw)->continued_fd(), .events = POLLIN, .revents = 0};
      if (poll(&asked_to_check, 1, 0) != 1) _exit(97);
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

TEST(RawTerminal, BackgroundDoesNotChangeTheTerminalAtItsEnd_F10) {
  ChildOnTerminal terminal([]() -> int {
    signal(SIGTTOU, SIG_IGN);
    const pid_t shell = getpgrp();
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      tcsetpgrp(STDIN_FILENO, getpid());
      const auto raw = RawTerminal::Create(STDIN_FILENO);
      tcsetpgrp(STDIN_FILENO, shell);  // now the mode is the shell's
      exit(raw.ok() ? 0 : 99);
    }
    int status = 0;
    waitpid(job, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
  });
  EXPECT_EQ(WEXITSTATUS(terminal.Wait()), 0);
  EXPECT_TRUE(terminal.IsRaw());
}

TEST(RawTerminal, LineFeedsOfTheGuestBecomeLineEnds) {
  ChildOnTerminal terminal([]() -> int {
    termios plain = {};
    tcgetattr(STDIN_FILENO, &plain);
    plain.c_oflag &= ~static_cast<tcflag_t>(OPOST | ONLCR);
    tcsetattr(STDIN_FILENO, TCSANOW, &plain);
    return RunRawForever();
  });
  terminal.WaitReady();
  EXPECT_EQ(terminal.Mode().c_oflag & (OPOST | ONLCR), static_cast<tcflag_t>(OPOST | ONLCR));
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
