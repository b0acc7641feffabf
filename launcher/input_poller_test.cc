#include "launcher/input_poller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <variant>

#include "absl/status/status.h"
#include "hostsim/testing/scripted_machine.h"

namespace lguest {
namespace {

using ::lguest::hostsim::Script;
using ::lguest::hostsim::ScriptedMachine;

constexpr size_t kDevice = 3;
constexpr DeviceSet kOnlyDevice = 1u << kDevice;

// The guest halts permanently, so Run() returns only if the poller breaks the guest out.
class InputPollerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe(pipe_.data()), 0);
    ASSERT_TRUE(machine_.host().Initialize(machine_.boot()).ok());
    poller_ = InputPoller::Start(machine_.host(), {}).value();
  }

  void TearDown() override {
    poller_.reset();
    for (const int fd : pipe_) close(fd);
  }

  void MakeReadable() const { ASSERT_EQ(write(pipe_[1], "x", 1), 1); }

  // Runs the guest until the poller breaks it out. Returns the devices that the poller reports.
  DeviceSet NextBreakOut() {
    EXPECT_TRUE(std::holds_alternative<BrokenOut>(machine_.host().Run().value()));
    const DeviceSet ready = poller_->TakeReady();
    EXPECT_TRUE(machine_.host().Resume().ok());
    return ready;
  }

  std::array<int, 2> pipe_ = {-1, -1};
  ScriptedMachine machine_{Script().Init().Wait(31)};
  std::unique_ptr<InputPoller> poller_;
};

TEST_F(InputPollerTest, InputBreaksOutTheGuest) {
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  MakeReadable();
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
}

TEST_F(InputPollerTest, ReadableDeviceIsReportedRepeatedly) {
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  MakeReadable();
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
}

TEST_F(InputPollerTest, DeviceIsIgnoredUntilWatchedAgain) {
  std::array<int, 2> other = {-1, -1};
  ASSERT_EQ(pipe(other.data()), 0);
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  ASSERT_TRUE(poller_->Watch(0, other[0]).ok());
  MakeReadable();
  ASSERT_TRUE(std::holds_alternative<BrokenOut>(machine_.host().Run().value()));
  EXPECT_EQ(poller_->TakeReady(), kOnlyDevice);
  poller_->Ignore(kDevice, pipe_[0]);
  ASSERT_EQ(write(other[1], "x", 1), 1);
  ASSERT_TRUE(machine_.host().Resume().ok());
  EXPECT_EQ(NextBreakOut(), 1u) << "the other device is still readable";
  poller_->Ignore(kDevice, pipe_[0]);
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  DeviceSet reported = 0;
  for (int i = 0; i < 1000 && (reported & kOnlyDevice) == 0; ++i) reported |= NextBreakOut();
  EXPECT_NE(reported & kOnlyDevice, 0u);
  for (const int fd : other) close(fd);
}

TEST_F(InputPollerTest, EndOfInputIsReported) {
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  close(pipe_[1]);
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  pipe_[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

TEST_F(InputPollerTest, RegularFileIsAlwaysReady) {
  const std::string path = ::testing::TempDir() + "/input_poller_test.input";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(poller_->Watch(kDevice, file).ok());
    EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  }
  close(file);
}

TEST_F(InputPollerTest, RetryLaterReportsTheDeviceAgain) {
  poller_->RetryLater(kDevice);
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
}

TEST_F(InputPollerTest, DelayOfRetriesGrowsUntilThereIsProgress) {
  for (const int delay : {1, 2, 4, 8, 16, 32, 32}) {
    poller_->RetryLater(kDevice);
    EXPECT_EQ(poller_->delay().count(), delay);
  }
  poller_->MadeProgress();
  poller_->RetryLater(kDevice);
  EXPECT_EQ(poller_->delay().count(), 1);
}

TEST_F(InputPollerTest, RetryIsReportedWhileAnotherDeviceIsReadable_F15) {
  ASSERT_TRUE(poller_->Watch(0, pipe_[0]).ok());
  MakeReadable();
  poller_->RetryLater(kDevice);
  while ((NextBreakOut() & kOnlyDevice) == 0) {
  }
}

TEST_F(InputPollerTest, RequestToEndBreaksOutTheGuest_F5) {
  poller_ = InputPoller::Start(machine_.host(), {.end_fd = pipe_[0]}).value();
  EXPECT_TRUE(poller_->status().ok());
  MakeReadable();
  EXPECT_EQ(NextBreakOut(), 0u);
  EXPECT_TRUE(absl::IsCancelled(poller_->status()));
}

TEST_F(InputPollerTest, CheckReportsAllDevices_F10) {
  std::array<int, 2> quiet = {-1, -1};
  ASSERT_EQ(pipe(quiet.data()), 0);
  poller_ = InputPoller::Start(machine_.host(), {.check_fd = pipe_[0]}).value();
  ASSERT_TRUE(poller_->Watch(kDevice, quiet[0]).ok());
  MakeReadable();
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  for (const int fd : quiet) close(fd);
}

TEST_F(InputPollerTest, CheckBeforeTheFirstWatchIsNotLost_F10) {
  std::array<int, 2> quiet = {-1, -1};
  ASSERT_EQ(pipe(quiet.data()), 0);
  MakeReadable();
  poller_ = InputPoller::Start(machine_.host(), {.check_fd = pipe_[0]}).value();
  int unread = 1;
  while (unread != 0) ASSERT_EQ(ioctl(pipe_[0], FIONREAD, &unread), 0);
  ASSERT_TRUE(poller_->Watch(kDevice, quiet[0]).ok());
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  for (const int fd : quiet) close(fd);
}

TEST_F(InputPollerTest, ManyRetriesDoNotBlock_F16) {
  for (int i = 0; i < 100'000; ++i) poller_->RetryLater(kDevice);
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
}

// Refuses each break-out, although its guest is alive.
class StubbornHost final : public Host {
 public:
  absl::Status Initialize(const BootState& /*boot*/) override { return absl::OkStatus(); }
  absl::StatusOr<Exit> Run() override { return SignalReceived(); }
  absl::StatusOr<BoundDma> GetDma(DmaKey /*key*/) override { return absl::NotFoundError(""); }
  absl::Status RaiseInterrupt(uint32_t /*irq*/) override { return absl::OkStatus(); }
  absl::Status BreakOut() override { return absl::PermissionDeniedError("no"); }
  void RequestBreakOut() override {}
  absl::Status Resume() override { return absl::OkStatus(); }
};

TEST(InputPollerFailureTest, RefusedBreakOutIsReported_F16) {
  StubbornHost host;
  const std::unique_ptr<InputPoller> poller = InputPoller::Start(host, {}).value();
  poller->RetryLater(kDevice);
  while (poller->status().ok()) std::this_thread::yield();
  EXPECT_TRUE(absl::IsInternal(poller->status()));
  EXPECT_EQ(poller->status().message(), "the guest cannot be told of input: no");
}

// Counts the signals that the poller's thread receives. A signal interrupts its epoll_wait() and
// must have no other effect.
std::atomic<int> signals = 0;

TEST_F(InputPollerTest, SignalsAreIgnored_B33_B34) {
  struct sigaction action = {};
  action.sa_handler = [](int) { ++signals; };
  sigaction(SIGUSR1, &action, nullptr);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  for (int i = 0; i < 10; ++i) {
    const int before = signals;
    kill(getpid(), SIGUSR1);
    while (signals == before) std::this_thread::yield();
  }
  MakeReadable();
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

TEST_F(InputPollerTest, DescriptorAbove1024IsWatched_B35) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  constexpr rlim_t kWanted = 2000;
  if (limit.rlim_max < kWanted) GTEST_SKIP() << "the limit is " << limit.rlim_max << " open files";
  limit.rlim_cur = std::max(limit.rlim_cur, kWanted);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const int high = fcntl(pipe_[0], F_DUPFD, 1500);
  ASSERT_GE(high, 1500);
  ASSERT_TRUE(poller_->Watch(kDevice, high).ok());
  MakeReadable();
  EXPECT_EQ(NextBreakOut(), kOnlyDevice);
  close(high);
}

TEST_F(InputPollerTest, CreatesNoChildProcess_B38) {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(InputPollerTest, InvalidDescriptorIsAnError) {
  EXPECT_FALSE(poller_->Watch(kDevice, -1).ok());
}

TEST_F(InputPollerTest, StopsDuringABreakOut) {
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  MakeReadable();
  EXPECT_TRUE(std::holds_alternative<BrokenOut>(machine_.host().Run().value()));
}

TEST_F(InputPollerTest, StopsWithoutAnyEvent) {}

TEST(InputPollerDeathTest, StopsAfterTheGuestsDeath_B36) {
  ScriptedMachine machine(Script().Init().Crash("x"));
  EXPECT_EQ(machine.Death(), "CRASH: x");
  std::array<int, 2> pipe_ends = {-1, -1};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  const std::unique_ptr<InputPoller> poller = InputPoller::Start(machine.host(), {}).value();
  EXPECT_TRUE(poller->Watch(kDevice, pipe_ends[0]).ok());
  for (const int fd : pipe_ends) close(fd);
}

TEST_F(InputPollerTest, DescriptorsAreCloseOnExec_B37) {
  ASSERT_TRUE(poller_->Watch(kDevice, pipe_[0]).ok());
  for (int fd = 3; fd < 64; ++fd) {
    if (fd == pipe_[0] || fd == pipe_[1]) continue;
    std::array<char, 64> target = {};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    if (readlink(link.c_str(), target.data(), target.size() - 1) < 0) continue;
    const std::string name(target.data());
    if (name.starts_with("pipe:") || name.find("eventpoll") != std::string::npos) {
      EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd << " " << name;
    }
  }
}

}  // namespace
}  // namespace lguest
