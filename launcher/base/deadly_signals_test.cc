#include "launcher/base/deadly_signals.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>

namespace lguest {
namespace {

// Writes the byte at `context` to standard output, which is a pipe of the test.
void Print(void* context) {
  if (write(STDOUT_FILENO, context, 1) != 1) _exit(90);
}

struct Ending {
  int status;
  std::string output;
};

// Runs `body` in a child process.
Ending RunInChild(const std::function<void()>& body) {
  std::array<int, 2> output;
  EXPECT_EQ(pipe(output.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    // A sanitizer has handlers of its own, which exit.
    for (int signal_number = 1; signal_number <= SIGRTMAX; ++signal_number) {
      signal(signal_number, SIG_DFL);
    }
    dup2(output[1], STDOUT_FILENO);
    body();
    _exit(0);
  }
  close(output[1]);
  Ending ending = {};
  std::array<char, 16> text;
  for (ssize_t len; (len = read(output[0], text.data(), text.size())) > 0;) {
    ending.output.append(text.data(), static_cast<size_t>(len));
  }
  close(output[0]);
  EXPECT_EQ(waitpid(child, &ending.status, 0), child);
  return ending;
}

class DeadlySignalTest : public testing::TestWithParam<int> {};

TEST_P(DeadlySignalTest, ActionsRunAndTheSignalEndsTheProcess_F13) {
  const Ending ending = RunInChild([] {
    char first = 'a';
    char second = 'b';
    const DeadlySignalAction first_action(Print, &first);
    const DeadlySignalAction second_action(Print, &second);
    raise(GetParam());
  });
  EXPECT_TRUE(WIFSIGNALED(ending.status));
  EXPECT_EQ(WTERMSIG(ending.status), GetParam());
  EXPECT_EQ(ending.output, "ba");
}

INSTANTIATE_TEST_SUITE_P(EverySignal, DeadlySignalTest,
                         testing::Values(SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
                                         SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM,
                                         SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF,
                                         SIGIO, SIGPWR, SIGSYS),
                         [](const auto& each) { return std::string(sigabbrev_np(each.param)); });

TEST(DeadlySignalActionTest, IgnoredAndHandledSignalsStaySo) {
  const Ending ending = RunInChild([] {
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, [](int) { Print(const_cast<char*>("h")); });
    char text = 'a';
    const DeadlySignalAction action(Print, &text);
    raise(SIGTERM);
    raise(SIGUSR1);
    raise(SIGCHLD);
  });
  EXPECT_TRUE(WIFEXITED(ending.status));
  EXPECT_EQ(ending.output, "h");
}

TEST(DeadlySignalActionTest, DestroyedObjectsDoNotAct) {
  const Ending ending = RunInChild([] {
    char first = 'a';
    char second = 'b';
    char third = 'c';
    const DeadlySignalAction first_action(Print, &first);
    auto* const second_action = new DeadlySignalAction(Print, &second);
    {
      const DeadlySignalAction third_action(Print, &third);
    }
    const DeadlySignalAction fourth_action(Print, &third);
    delete second_action;
    raise(SIGTERM);
  });
  EXPECT_EQ(WTERMSIG(ending.status), SIGTERM);
  EXPECT_EQ(ending.output, "ca");
}

TEST(DeadlySignalActionTest, LastObjectRestoresTheDefault) {
  struct sigaction action = {};
  {
    const DeadlySignalAction object(Print, nullptr);
    sigaction(SIGUSR2, nullptr, &action);
    EXPECT_NE(action.sa_handler, SIG_DFL);
  }
  sigaction(SIGUSR2, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

}  // namespace
}  // namespace lguest
