#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>

#include "hostsim/clock.h"

namespace lguest::hostsim {
namespace {

constexpr Nanos kSoon = 1'000'000;
constexpr Nanos kNever = 3'600'000'000'000;

TEST(RealClockTest, NowIsMonotonic) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  const Nanos before = clock->Now();
  EXPECT_GE(clock->Now(), before);
}

TEST(RealClockTest, WallTimeIsPlausible) {
  const GuestTime time = NewRealClock().value()->WallTime();
  EXPECT_GT(time.sec, 1'700'000'000u);
  EXPECT_LT(time.nsec, 1'000'000'000u);
}

TEST(RealClockTest, AlarmIsNotEarly) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  std::promise<Nanos> rang;
  clock->SetAlarmCallback([&] { rang.set_value(clock->Now()); });
  const Nanos deadline = clock->Now() + kSoon;
  clock->SetAlarm(deadline);
  EXPECT_GE(rang.get_future().get(), deadline);
  clock->SetAlarmCallback(nullptr);
}

TEST(RealClockTest, EarlierAlarmReplacesLaterOne) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  std::promise<void> rang;
  clock->SetAlarmCallback([&] { rang.set_value(); });
  clock->SetAlarm(clock->Now() + kNever);
  clock->SetAlarm(clock->Now() + kSoon);
  rang.get_future().get();
  clock->SetAlarmCallback(nullptr);
}

// The thread waits without a deadline between two alarms, at the latest from the second one on.
TEST(RealClockTest, EachAlarmWakesTheThread) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  std::mutex mutex;
  std::condition_variable changed;
  int rung = 0;
  clock->SetAlarmCallback([&] {
    const std::lock_guard lock(mutex);
    ++rung;
    changed.notify_one();
  });
  for (int alarms = 1; alarms <= 50; ++alarms) {
    clock->SetAlarm(clock->Now() + kSoon);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return rung == alarms; });
  }
  clock->SetAlarmCallback(nullptr);
}

TEST(RealClockTest, LaterAlarmReplacesEarlierOne) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  std::promise<Nanos> rang;
  clock->SetAlarmCallback([&] { rang.set_value(clock->Now()); });
  clock->SetAlarm(clock->Now() + kSoon);
  const Nanos later = clock->Now() + 5 * kSoon;
  clock->SetAlarm(later);
  EXPECT_GE(rang.get_future().get(), later);
  clock->SetAlarmCallback(nullptr);
}

TEST(RealClockTest, WaitEndsAtDeadline) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  std::mutex mutex;
  std::condition_variable nobody;
  std::unique_lock lock(mutex);
  const Nanos deadline = clock->Now() + kSoon;
  while (clock->Now() < deadline) clock->Wait(lock, nobody, deadline);
  EXPECT_GE(clock->Now(), deadline);
}

TEST(RealClockTest, CanBeDestroyedWithAlarmSet) {
  const std::unique_ptr<Clock> clock = NewRealClock().value();
  clock->SetAlarm(clock->Now() + kNever);
}

}  // namespace
}  // namespace lguest::hostsim
