#include "launcher/process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace lguest {
namespace {

TEST(Process, OneProcessorIsNoticed_F34) {
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  EXPECT_EQ(HasOneProcessor(), CPU_COUNT(&all) == 1);
  int first = 0;
  while (CPU_ISSET(first, &all) == 0) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_TRUE(HasOneProcessor());
  EXPECT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
}

TEST(Process, WriteErrorsRaiseNoSignal_F13) {
  MakeWriteErrorsHarmless();
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    struct sigaction action = {};
    ASSERT_EQ(sigaction(signal, nullptr, &action), 0);
    EXPECT_EQ(action.sa_handler, SIG_IGN) << signal;
    std::signal(signal, SIG_DFL);
  }
}

TEST(Process, ClosedStandardDescriptorsCanBeReadAndWritten_F1) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
    FillStandardDescriptors();
    char byte = 0;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      if (read(fd, &byte, 1) != 0 || write(fd, "x", 1) != 1) _exit(1);
    }
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace lguest
