#include "launcher/end_signal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace lguest {
namespace {

// Runs `body` in a child process and returns its wait status.
int StatusOf(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

bool IsReadable(int fd) {
  pollfd wait = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wait, 1, 0) == 1;
}

TEST(EndSignal, FirstSignalMakesTheDescriptorReadable_F5) {
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) {
    const int status = StatusOf([=] {
      const auto end_signal = EndSignal::Create().value();
      end_signal->Handle();
      if (IsReadable(end_signal->fd()) || EndSignal::signal() != 0) _exit(1);
      raise(number);
      if (!IsReadable(end_signal->fd()) || EndSignal::signal() != number) _exit(2);
      _exit(42);
    });
    EXPECT_EQ(WEXITSTATUS(status), 42) << number;
  }
}

TEST(EndSignal, RaiseEndsTheProcessByTheSignal_F5) {
  const int status = StatusOf([] {
    {
      const auto end_signal = EndSignal::Create().value();
      EndSignal::Raise();  // none has arrived
      end_signal->Handle();
      raise(SIGHUP);
    }
    EndSignal::Raise();
  });
  EXPECT_EQ(WTERMSIG(status), SIGHUP);
}

TEST(EndSignal, SecondSignalEndsTheProcessAtOnce_F5) {
  const int status = StatusOf([] {
    const auto end_signal = EndSignal::Create().value();
    end_signal->Handle();
    raise(SIGTERM);
    raise(SIGINT);
  });
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(EndSignal, SignalBeforeHandleEndsTheProcess) {
  const int status = StatusOf([] {
    const auto end_signal = EndSignal::Create().value();
    raise(SIGTERM);
  });
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(EndSignal, IgnoredSignalStaysIgnored) {
  const int status = StatusOf([] {
    signal(SIGHUP, SIG_IGN);  // as nohup does
    const auto end_signal = EndSignal::Create().value();
    end_signal->Handle();
    raise(SIGHUP);
    _exit(EndSignal::signal() == 0 ? 42 : 1);
  });
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

}  // namespace
}  // namespace lguest
