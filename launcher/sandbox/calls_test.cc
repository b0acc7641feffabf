#include "launcher/sandbox/calls.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <set>

namespace lguest::sandbox {
namespace {

std::set<int> Numbers(bool only_guest) {
  std::set<int> numbers;
  for (const Call& call : AllowedCalls()) {
    if (!only_guest || call.thread == Thread::kGuest) numbers.insert(call.number);
  }
  return numbers;
}

TEST(CallsTest, ListsAreShort) {
  EXPECT_LE(Numbers(/*only_guest=*/true).size(), 15u);
  EXPECT_LE(Numbers(/*only_guest=*/false).size(), 28u);
}

TEST(CallsTest, NoCallReachesOutOfTheProcess) {
  const std::set<int> allowed = Numbers(/*only_guest=*/false);
  for (const int call : {SYS_openat, SYS_open, SYS_execve, SYS_execveat, SYS_socket, SYS_ptrace,
                         SYS_mprotect, SYS_kill, SYS_clone, SYS_fork, SYS_bpf}) {
    EXPECT_FALSE(allowed.contains(call)) << call;
  }
}

}  // namespace
}  // namespace lguest::sandbox
