#include "launcher/timetravel/polled_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "devices/testing/fake_host.h"
#include "hostsim/testing/fake_counted_runs.h"

namespace lguest::timetravel {
namespace {

using hostsim::Nanos;

constexpr size_t kDevice = 3;
constexpr Nanos kMilli = 1'000'000;

class PolledWatchTest : public testing::Test {
 protected:
  explicit PolledWatchTest(DeviceSet live = 0) {
    for (auto* const pipe_ends : {&input_, &end_, &check_}) EXPECT_EQ(pipe(pipe_ends->data()), 0);
    watch_ = std::make_unique<PolledWatch>(
        host_, stops_, clock_, InputEvents{.end_fd = end_[0], .check_fd = check_[0]}, live,
        [this](const ReadyEvent& event) { events_.push_back(event); });
  }
  ~PolledWatchTest() override {
    for (const auto& pipe_ends : {input_, end_, check_}) {
      for (const int fd : pipe_ends) close(fd);
    }
  }

  static void MakeReadable(const std::array<int, 2>& pipe_ends) {
    ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  }

  // Runs the guest for `instructions`.
  void Run(uint64_t instructions) {
    const uint64_t end = cpu_.count() + instructions;
    while (cpu_.Run(end - cpu_.count())) {
      stops_.Handle();
      if (cpu_.count() == end) return;
    }
  }

  // Halts the guest until `deadline`, or until the watch wakes it.
  void Halt(std::optional<Nanos> deadline) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable wakeup;
    clock_.Wait(lock, wakeup, deadline);
  }

  std::array<int, 2> input_ = {};
  std::array<int, 2> end_ = {};
  std::array<int, 2> check_ = {};
  FakeHost host_;
  hostsim::FakeCountedRuns cpu_;
  hostsim::CountStops stops_{cpu_};
  hostsim::VirtualClock clock_{stops_, {.nanos_per_instruction = 2}};
  std::vector<ReadyEvent> events_;
  std::unique_ptr<PolledWatch> watch_;
};

TEST_F(PolledWatchTest, InputIsFoundAtMultiplesOfTheInterval) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  Run(1'500'000);
  MakeReadable(input_);
  Run(499'999);
  EXPECT_EQ(host_.break_outs_requested, 0);
  Run(1);
  EXPECT_EQ(host_.break_outs_requested, 1);
  EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
  EXPECT_EQ(watch_->TakeReady(), 0u);
  EXPECT_EQ(events_, (std::vector<ReadyEvent>{{.moment = {.count = 2'000'000, .sleeps = 0},
                                               .passed = 0,
                                               .devices = OnlyDevice(kDevice)}}));
}

TEST_F(PolledWatchTest, LookThatFindsNothingDoesNotBreakOut) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  int looks = 0;
  watch_->SetOnLook([&] { ++looks; });
  Run(3'000'000);
  EXPECT_EQ(looks, 3);
  EXPECT_EQ(host_.break_outs_requested, 0);
}

TEST_F(PolledWatchTest, IgnoredDeviceIsNotReported) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  MakeReadable(input_);
  watch_->Ignore(kDevice, input_[0]);
  Run(1'000'000);
  EXPECT_EQ(host_.break_outs_requested, 0);
}

TEST_F(PolledWatchTest, HaltedGuestJumpsToItsTimer) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  Halt(3600 * 1000 * kMilli);
  EXPECT_EQ(clock_.Now(), 3600 * 1000 * kMilli);
  EXPECT_EQ(host_.break_outs_requested, 0);
}

TEST_F(PolledWatchTest, InputWakesAHaltedGuestBeforeTimePasses) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  MakeReadable(input_);
  Halt(kMilli);
  EXPECT_EQ(clock_.Now(), 0);
  EXPECT_EQ(events_, (std::vector<ReadyEvent>{{.moment = {.count = 0, .sleeps = 1},
                                               .passed = 0,
                                               .devices = OnlyDevice(kDevice)}}));
}

TEST_F(PolledWatchTest, GuestWithoutTimerWaitsForInputWhileItsTimeStands) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  bool is_first = true;
  watch_->SetOnLook([&] {
    if (!is_first) MakeReadable(input_);
    is_first = false;
  });
  Halt(std::nullopt);
  EXPECT_EQ(clock_.Now(), 0);
  EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
}

TEST_F(PolledWatchTest, RetriesAreInGuestTimeAndGrow) {
  for (const Nanos delay : {1, 2, 4, 8, 16, 32, 32}) {
    watch_->RetryLater(kDevice);
    const Nanos start = clock_.Now();
    Halt(std::nullopt);
    EXPECT_EQ(watch_->TakeReady(), 0u);
    Halt(std::nullopt);
    EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
    EXPECT_EQ(clock_.Now() - start, delay * kMilli);
  }
  watch_->MadeProgress();
  watch_->RetryLater(kDevice);
  const Nanos start = clock_.Now();
  Halt(std::nullopt);
  EXPECT_EQ(clock_.Now() - start, kMilli);
}

TEST_F(PolledWatchTest, RetryOfARunningGuestIsDueAtTheNextLook) {
  watch_->RetryAfter(kDevice, PolledWatch::Milliseconds(3));  // 1.5 million instructions
  Run(1'000'000);
  EXPECT_EQ(host_.break_outs_requested, 0);
  Run(1'000'000);
  EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
}

TEST_F(PolledWatchTest, TimerBeforeTheRetryComesFirst) {
  watch_->RetryAfter(kDevice, PolledWatch::Milliseconds(3));
  Halt(2 * kMilli);
  EXPECT_EQ(clock_.Now(), 2 * kMilli);
  EXPECT_EQ(host_.break_outs_requested, 0);
}

TEST_F(PolledWatchTest, RequestToEndBreaksOut) {
  MakeReadable(end_);
  Halt(kMilli);
  EXPECT_TRUE(absl::IsCancelled(watch_->status()));
  EXPECT_EQ(host_.break_outs_requested, 1);
  EXPECT_TRUE(events_.at(0).ends);
}

TEST_F(PolledWatchTest, CheckReportsDevicesThatAreIgnored) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  watch_->Ignore(kDevice, input_[0]);
  MakeReadable(check_);
  Halt(kMilli);
  EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
  Halt(kMilli);
  EXPECT_EQ(watch_->TakeReady(), 0u);
}

TEST_F(PolledWatchTest, CheckBeforeTheFirstWatchIsNotLost) {
  MakeReadable(check_);
  Halt(kMilli);
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  Halt(2 * kMilli);
  EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
}

class LiveWatchTest : public PolledWatchTest {
 protected:
  LiveWatchTest() : PolledWatchTest(OnlyDevice(kDevice)) {}
};

TEST_F(LiveWatchTest, HaltedGuestWaitsInRealTime) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  bool is_first = true;
  watch_->SetOnLook([&] {
    if (!is_first) MakeReadable(input_);
    is_first = false;
  });
  // The input is there before an hour has passed.
  Halt(3600 * 1000 * kMilli);
  EXPECT_LT(clock_.Now(), 3600 * 1000 * kMilli);
  EXPECT_EQ(watch_->TakeReady(), OnlyDevice(kDevice));
  EXPECT_EQ(events_.at(0).passed, clock_.Now());
}

TEST_F(LiveWatchTest, TimerIsExactIfThereIsNoInput) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  Halt(kMilli);
  EXPECT_EQ(clock_.Now(), kMilli);
  EXPECT_EQ(host_.break_outs_requested, 0);
}

TEST_F(LiveWatchTest, TimeJumpsOnceTheLiveInputHasEnded) {
  ASSERT_TRUE(watch_->Watch(kDevice, input_[0]).ok());
  watch_->Ignore(kDevice, input_[0]);
  Halt(3600 * 1000 * kMilli);
  EXPECT_EQ(clock_.Now(), 3600 * 1000 * kMilli);
}

}  // namespace
}  // namespace lguest::timetravel
