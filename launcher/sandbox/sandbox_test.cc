#include "launcher/sandbox/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"
#include "launcher/base/wake_pipe.h"
#include "launcher/sandbox/landlock.h"

namespace lguest {
namespace {

// The children of these tests end by _exit(): with kOk if all is as it should be.
constexpr int kOk = 33;

void EndIfNot(bool condition, int status) {
  if (!condition) _exit(status);
}

Sandbox* EnterOrEnd(SandboxMode mode, const SandboxNeeds& needs = {}) {
  absl::StatusOr<std::unique_ptr<Sandbox>> sandbox = Sandbox::Enter(mode, needs, nullptr);
  EndIfNot(sandbox.ok() && *sandbox != nullptr, 1);
  return sandbox->release();
}

// Runs `then` on the guest's thread.
void RunSealed(Sandbox* sandbox, void (*then)()) {
  EndIfNot(sandbox
               ->RunGuest([sandbox, then] {
                 EndIfNot(sandbox->Seal().ok(), 2);
                 then();
               })
               .ok(),
           3);
}

class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kDefaultSandboxMode == SandboxMode::kOff) GTEST_SKIP() << "a build without a sandbox";
  }

  TempDir dir_;
};

TEST_F(SandboxTest, MemoryCanBeAllocated) {
  const auto run = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] {
      for (const size_t size : {size_t{100}, size_t{1} << 20, size_t{100} << 20}) {
        auto* const memory = static_cast<volatile char*>(std::malloc(size));
        EndIfNot(memory != nullptr, 4);
        memory[size - 1] = 1;
        std::free(const_cast<char*>(memory));
      }
    });
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(kOk), "^$");
}

TEST_F(SandboxTest, OtherThreadsAreConfinedToo) {
  const auto run = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] {});
    static_cast<void>(open("/dev/null", O_RDONLY | O_CLOEXEC));
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(70), "called openat, which it must not");
}

TEST_F(SandboxTest, GuestsThreadMayDoLessThanTheOthers) {
  const auto call_on_main_thread = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] {});
    EndIfNot(getpid() > 0, 4);
    _exit(kOk);
  };
  const auto call_on_guest_thread = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] { static_cast<void>(getpid()); });
    _exit(kOk);
  };
  EXPECT_EXIT(call_on_main_thread(), ::testing::ExitedWithCode(kOk), "^$");
  EXPECT_EXIT(call_on_guest_thread(), ::testing::ExitedWithCode(70),
              "called getpid, which it must not");
}

TEST_F(SandboxTest, OnlyTheListedRequestsToDevicesAreAllowed) {
  const auto ask_for_the_mode = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] { EndIfNot(isatty(STDERR_FILENO) >= 0, 4); });
    _exit(kOk);
  };
  const auto type_for_the_user = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] {
      char key = 'x';
      static_cast<void>(ioctl(STDERR_FILENO, TIOCSTI, &key));
    });
    _exit(kOk);
  };
  EXPECT_EXIT(ask_for_the_mode(), ::testing::ExitedWithCode(kOk), "^$");
  EXPECT_EXIT(type_for_the_user(), ::testing::ExitedWithCode(70),
              "called ioctl, which it must not");
}

TEST_F(SandboxTest, LoggedCallIsNamedOnceAndHasItsResult) {
  const auto run = [] {
    RunSealed(EnterOrEnd(SandboxMode::kLog), [] {
      for (int i = 0; i < 3; ++i) {
        const UniqueFd file(open("/dev/null", O_WRONLY | O_CLOEXEC));
        EndIfNot(file.valid() && write(file.get(), "x", 1) == 1, 4);
        EndIfNot(open("/no/such/file", O_RDONLY | O_CLOEXEC) == -1 && errno == ENOENT, 5);
      }
    });
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(kOk),
              "^lguest: sandbox: the launcher called openat, which the sandbox forbids\n"
              "lguest: sandbox: the launcher called write, which the sandbox forbids\n"
              "lguest: sandbox: the launcher called close, which the sandbox forbids\n$");
}

TEST_F(SandboxTest, CrashOfTheGuestsThreadEndsTheProcessByItsSignal) {
  const auto run = [] {
    RunSealed(EnterOrEnd(SandboxMode::kOn), [] { __builtin_trap(); });
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::KilledBySignal(SIGILL), "^$");
}

pthread_t g_main_thread;
WakePipe* g_handled;

TEST_F(SandboxTest, SignalsAreHandledOnTheMainThread) {
  const auto run = [] {
    g_main_thread = pthread_self();
    g_handled = new WakePipe(WakePipe::Create().value());
    std::signal(SIGTERM, [](int /*signal*/) {
      EndIfNot(pthread_equal(pthread_self(), g_main_thread) != 0, 4);
      g_handled->Wake();
    });
    Sandbox* const sandbox = EnterOrEnd(SandboxMode::kOn);
    const absl::Status ran = sandbox->RunGuest([sandbox] {
      kill(getpid(), SIGTERM);
      EndIfNot(sandbox->Seal().ok(), 2);
    });
    EndIfNot(ran.ok(), 3);
    g_handled->Clear();
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(kOk), "^$");
}

TEST_F(SandboxTest, InheritedDescriptorsAreClosed) {
  const auto run = [] {
    const int inherited = open("/dev/null", O_RDONLY);
    const int own = open("/dev/null", O_RDONLY | O_CLOEXEC);
    EnterOrEnd(SandboxMode::kOn);
    EndIfNot(fcntl(inherited, F_GETFD) == -1 && errno == EBADF, 4);
    EndIfNot(fcntl(own, F_GETFD) != -1 && fcntl(STDERR_FILENO, F_GETFD) != -1, 5);
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(kOk), "^$");
}

TEST_F(SandboxTest, FilesCanOnlyBeRemovedFromTheDirectoriesOfSockets) {
  if (absl::IsUnimplemented(sandbox::LandlockVersion().status())) GTEST_SKIP() << "no Landlock";
  const auto run = [this] {
    dir_.File("file", "x");
    const std::string file = dir_.Path("file");
    const std::string other = dir_.Path("other/file");
    EndIfNot(mkdir(dir_.Path("other").c_str(), 0700) == 0, 4);
    EnterOrEnd(SandboxMode::kOn, {.socket_directories = {dir_.Path("other")}});
    EndIfNot(open(file.c_str(), O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES, 5);
    EndIfNot(open(other.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600) == -1 && errno == EACCES, 6);
    EndIfNot(unlink(file.c_str()) == -1 && errno == EACCES, 7);
    EndIfNot(unlink(other.c_str()) == -1 && errno == ENOENT, 8);
    _exit(kOk);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(kOk), "^$");
}

TEST_F(SandboxTest, NoSandboxWithModeOff) {
  EXPECT_EQ(Sandbox::Enter(SandboxMode::kOff, {}, nullptr).value(), nullptr);
}

}  // namespace
}  // namespace lguest
