#include "hostsim/virtual_clock.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "hostsim/count_stops.h"
#include "hostsim/testing/fake_counted_runs.h"

namespace lguest::hostsim {
namespace {

constexpr GuestTime kStart = {.sec = 1'000'000'000, .nsec = 999'999'999};

class VirtualClockTest : public testing::Test {
 protected:
  explicit VirtualClockTest(VirtualClock::Idle idle = nullptr)
      : clock_(stops_, {.nanos_per_instruction = 3, .start = kStart}) {
    clock_.SetIdle(std::move(idle));
    clock_.SetAlarmCallback([this] { ++rings_; });
  }

  void Wait(std::optional<Nanos> deadline) {
    std::unique_lock lock(mutex_);
    clock_.Wait(lock, wakeup_, deadline);
    EXPECT_TRUE(lock.owns_lock());
  }

  std::mutex mutex_;
  std::condition_variable wakeup_;
  FakeCountedRuns cpu_;
  CountStops stops_{cpu_};
  VirtualClock clock_;
  int rings_ = 0;
};

TEST_F(VirtualClockTest, InstructionsAdvanceTheTime) {
  EXPECT_EQ(clock_.Now(), 0);
  cpu_.Run(100);
  EXPECT_EQ(clock_.Now(), 300);
  EXPECT_EQ(cpu_.time_stamp(), 300u);
}

TEST_F(VirtualClockTest, WallTimeStartsAtTheGivenTime) {
  EXPECT_EQ(clock_.WallTime().sec, kStart.sec);
  EXPECT_EQ(clock_.WallTime().nsec, kStart.nsec);
  cpu_.Run(1);
  EXPECT_EQ(clock_.WallTime().sec, kStart.sec + 1);
  EXPECT_EQ(clock_.WallTime().nsec, 2u);
}

TEST_F(VirtualClockTest, AlarmRingsAtTheFirstCountThatReachesIt) {
  for (const auto& [deadline, count] : {std::pair{30, 10u}, {31, 11u}, {32, 11u}, {33, 11u}}) {
    clock_.SetAlarm(deadline);
    EXPECT_EQ(cpu_.stop(), count) << deadline;
  }
  EXPECT_TRUE(cpu_.Run(100));
  EXPECT_EQ(rings_, 0);
  clock_.HandleCountStop();
  EXPECT_EQ(rings_, 1);
  clock_.HandleCountStop();
  EXPECT_EQ(rings_, 1);
}

TEST_F(VirtualClockTest, AlarmInThePastStopsAtOnce) {
  cpu_.Run(100);
  clock_.SetAlarm(7);
  EXPECT_TRUE(cpu_.Run(1));
  EXPECT_EQ(cpu_.count(), 100u);
  clock_.HandleCountStop();
  EXPECT_EQ(rings_, 1);
}

TEST_F(VirtualClockTest, RemovedAlarmDoesNotRing) {
  clock_.SetAlarm(30);
  clock_.SetAlarm(std::nullopt);
  EXPECT_FALSE(cpu_.Run(100));
  clock_.HandleCountStop();
  EXPECT_EQ(rings_, 0);
}

TEST_F(VirtualClockTest, StopOfAnotherDoesNotRing) {
  clock_.SetAlarm(30);
  stops_.Set(stops_.Add([] {}), 5);
  EXPECT_TRUE(cpu_.Run(100));
  clock_.HandleCountStop();
  EXPECT_EQ(rings_, 0);
}

TEST_F(VirtualClockTest, WaitJumpsToTheDeadline) {
  cpu_.Run(10);
  Wait(1000);
  EXPECT_EQ(clock_.Now(), 1000);
  EXPECT_EQ(cpu_.time_stamp(), 1000u);
  Wait(500);  // is over
  EXPECT_EQ(clock_.Now(), 1000);
  cpu_.Run(10);
  EXPECT_EQ(clock_.Now(), 1030);
}

TEST_F(VirtualClockTest, AlarmStaysAtItsTimeAfterAWait) {
  clock_.SetAlarm(300);
  Wait(270);
  EXPECT_EQ(cpu_.stop(), 10u);
}

class IdleTest : public VirtualClockTest {
 protected:
  IdleTest()
      : VirtualClockTest([this](std::optional<Nanos> limit) {
          limit_ = limit;
          EXPECT_TRUE(mutex_.try_lock());
          mutex_.unlock();
          return passes_;
        }) {}

  std::optional<Nanos> limit_;
  Nanos passes_ = 0;
};

TEST_F(IdleTest, IdleFunctionPassesTheTime) {
  cpu_.Run(10);
  passes_ = 50;
  Wait(130);
  EXPECT_EQ(limit_, 100);
  EXPECT_EQ(clock_.Now(), 80);
  Wait(std::nullopt);
  EXPECT_EQ(limit_, std::nullopt);
  EXPECT_EQ(clock_.Now(), 130);
}

TEST_F(IdleTest, LimitOfADeadlineInThePastIs0) {
  cpu_.Run(10);
  Wait(5);
  EXPECT_EQ(limit_, 0);
}

}  // namespace
}  // namespace lguest::hostsim
