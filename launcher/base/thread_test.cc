#include "launcher/base/thread.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace lguest {
namespace {

TEST(Thread, RunsUntilJoined) {
  std::atomic<bool> ran = false;
  Thread thread = Thread::Start([&] { ran = true; }).value();
  EXPECT_TRUE(thread.is_running());
  thread.Join();
  EXPECT_TRUE(ran);
  EXPECT_FALSE(thread.is_running());
}

TEST(Thread, DestructorJoins) {
  std::atomic<bool> ran = false;
  {
    const Thread thread = Thread::Start([&] { ran = true; }).value();
  }
  EXPECT_TRUE(ran);
}

TEST(Thread, NoThreadIsAnError_F11) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs address space of its own";
#endif
  const pid_t child = fork();
  if (child == 0) {
    // Too little address space for the stack of a thread, for any user.
    const rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    setrlimit(RLIMIT_AS, &limit);
    std::vector<Thread> threads;  // the C library has kept the stacks of a few
    for (int i = 0; i < 100; ++i) {
      absl::StatusOr<Thread> thread = Thread::Start([] { pause(); });
      if (!thread.ok()) _exit(absl::IsResourceExhausted(thread.status()) ? 42 : 1);
      threads.push_back(*std::move(thread));
    }
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

}  // namespace
}  // namespace lguest
