#include "devices/console/abort_key.h"

#include <chrono>
#include <span>
#include <string_view>

#include "gtest/gtest.h"

namespace lguest {
namespace {

class AbortKeyTest : public testing::Test {
 protected:
  // Observes `typed` at time `when` in milliseconds.
  bool At(int when, std::string_view typed) {
    now_ = std::chrono::milliseconds(when);
    return key_.Observe(std::as_bytes(std::span(typed)));
  }

 private:
  std::chrono::nanoseconds now_{};
  AbortKey key_{[this] { return now_; }};
};

TEST_F(AbortKeyTest, ThreeReadsWithinASecond_B43) {
  EXPECT_FALSE(At(0, "\3"));
  EXPECT_FALSE(At(500, "\3"));
  EXPECT_TRUE(At(1000, "\3"));
}

TEST_F(AbortKeyTest, OneRead_B43) { EXPECT_TRUE(At(0, "\3\3\3")); }

TEST_F(AbortKeyTest, AmongOtherKeysOfARead_B43) { EXPECT_TRUE(At(0, "ls\3\3\3x")); }

TEST_F(AbortKeyTest, TwoReads_B43) {
  EXPECT_FALSE(At(0, "a\3\3"));
  EXPECT_TRUE(At(1, "\3b"));
}

TEST_F(AbortKeyTest, TooSlow) {
  EXPECT_FALSE(At(0, "\3"));
  EXPECT_FALSE(At(600, "\3"));
  EXPECT_FALSE(At(1001, "\3"));
  EXPECT_TRUE(At(1600, "\3"));  // the window starts at the second key
}

TEST_F(AbortKeyTest, OtherKeyResetsTheCount) {
  EXPECT_FALSE(At(0, "\3\3a"));
  EXPECT_FALSE(At(1, "\3\3"));
  EXPECT_TRUE(At(2, "\3"));
}

TEST_F(AbortKeyTest, EmptyReadIsIgnored) {
  EXPECT_FALSE(At(0, "\3\3"));
  EXPECT_FALSE(At(1, ""));
  EXPECT_TRUE(At(2, "\3"));
}

}  // namespace
}  // namespace lguest
