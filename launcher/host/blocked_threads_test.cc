#include "launcher/host/blocked_threads.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

namespace lguest {
namespace {

TEST(BlockedThreads, BlockedCallFails) {
  BlockedThreads threads;
  struct sigaction action = {};
  ASSERT_EQ(sigaction(SIGURG, nullptr, &action), 0);
  ASSERT_EQ(action.sa_flags & SA_RESTART, 0) << "the call would begin again";

  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  std::atomic<bool> has_failed = false;
  std::thread reader([&] {
    const BlockedThreads::Scope scope(threads);
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), -1);
    EXPECT_EQ(errno, EINTR);
    has_failed = true;
  });
  // The reader may not be in its call yet.
  while (!has_failed) {
    threads.InterruptAll();
    std::this_thread::yield();
  }
  reader.join();
  for (const int end : ends) close(end);
}

TEST(BlockedThreads, OtherThreadsGetNoSignal) {
  BlockedThreads threads;
  static std::atomic<int> signals = 0;
  std::signal(SIGURG, [](int /*signal*/) { ++signals; });
  {
    const BlockedThreads::Scope scope(threads);
  }
  threads.InterruptAll();
  EXPECT_EQ(signals, 0);
}

}  // namespace
}  // namespace lguest
