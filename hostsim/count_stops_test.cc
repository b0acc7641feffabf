#include "hostsim/count_stops.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "hostsim/testing/fake_counted_runs.h"

namespace lguest::hostsim {
namespace {

class CountStopsTest : public testing::Test {
 protected:
  FakeCountedRuns cpu_;
  CountStops stops_{cpu_};
  std::string calls_;
  CountStops::User a_ = stops_.Add([this] { calls_ += 'a'; });
  CountStops::User b_ = stops_.Add([this] { calls_ += 'b'; });
};

TEST_F(CountStopsTest, CpuStopsAtTheEarliestStop) {
  stops_.Set(a_, 70);
  stops_.Set(b_, 40);
  ASSERT_TRUE(cpu_.Run(100));
  EXPECT_EQ(cpu_.count(), 40u);
  stops_.Handle();
  EXPECT_EQ(calls_, "b");
  ASSERT_TRUE(cpu_.Run(100));
  EXPECT_EQ(cpu_.count(), 70u);
  stops_.Handle();
  EXPECT_EQ(calls_, "ba");
  EXPECT_EQ(cpu_.stop(), std::nullopt);
}

TEST_F(CountStopsTest, UsersOfOneCountAreCalledInTheirOrder) {
  stops_.Set(b_, 10);
  stops_.Set(a_, 10);
  ASSERT_TRUE(cpu_.Run(100));
  stops_.Handle();
  EXPECT_EQ(calls_, "ab");
}

TEST_F(CountStopsTest, RemovedStopIsNotReached) {
  stops_.Set(a_, 10);
  stops_.Set(a_, std::nullopt);
  EXPECT_FALSE(cpu_.Run(100));
  stops_.Handle();
  EXPECT_EQ(calls_, "");
}

TEST_F(CountStopsTest, StopThatIsPassedStopsTheCpuAtOnce) {
  cpu_.Run(50);
  stops_.Set(a_, 10);
  ASSERT_TRUE(cpu_.Run(100));
  EXPECT_EQ(cpu_.count(), 10u);
}

TEST_F(CountStopsTest, UserMaySetItsNextStopWhenItIsCalled) {
  const CountStops::User again = stops_.Add([&] {
    calls_ += 'c';
    if (calls_.size() < 3) stops_.Set(2, cpu_.count() + 10);
  });
  stops_.Set(again, 10);
  while (cpu_.Run(100)) stops_.Handle();
  EXPECT_EQ(calls_, "ccc");
}

}  // namespace
}  // namespace lguest::hostsim
