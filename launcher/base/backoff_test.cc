#include "launcher/base/backoff.h"

#include <gtest/gtest.h>

#include <chrono>

namespace lguest {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DelayDoublesUpToTheLongest) {
  Backoff backoff(milliseconds(1), milliseconds(5));
  for (const int delay : {1, 2, 4, 5, 5}) EXPECT_EQ(backoff.Next(), milliseconds(delay));
}

TEST(Backoff, SuccessStartsAgain) {
  Backoff backoff(milliseconds(3), milliseconds(100));
  EXPECT_EQ(backoff.delay(), milliseconds(0));
  backoff.Next();
  backoff.Next();
  EXPECT_EQ(backoff.delay(), milliseconds(6));
  backoff.Reset();
  EXPECT_EQ(backoff.delay(), milliseconds(0));
  EXPECT_EQ(backoff.Next(), milliseconds(3));
}

}  // namespace
}  // namespace lguest
