#include "devices/escape_key.h"

#include <chrono>
#include <span>
#include <string_view>

#include "gtest/gtest.h"

namespace lguest {
namespace {

using std::chrono_literals::operator""ms;

class EscapeKeyTest : public testing::Test {
 protected:
  bool At(std::chrono::nanoseconds when, std::string_view typed) {
    now_ = when;
    return key_.Saw(std::as_bytes(std::span(typed)));
  }

 private:
  std::chrono::nanoseconds now_{};
  EscapeKey key_{[this] { return now_; }};
};

TEST_F(EscapeKeyTest, ThreeReadsWithinASecond_B43) {
  EXPECT_FALSE(At(0ms, "\3"));
  EXPECT_FALSE(At(500ms, "\3"));
  EXPECT_TRUE(At(1000ms, "\3"));
}

TEST_F(EscapeKeyTest, OneRead_B43) { EXPECT_TRUE(At(0ms, "\3\3\3")); }

TEST_F(EscapeKeyTest, AmongOtherKeysOfARead_B43) { EXPECT_TRUE(At(0ms, "ls\3\3\3x")); }

TEST_F(EscapeKeyTest, TwoReads_B43) {
  EXPECT_FALSE(At(0ms, "a\3\3"));
  EXPECT_TRUE(At(1ms, "\3b"));
}

TEST_F(EscapeKeyTest, TooSlow) {
  EXPECT_FALSE(At(0ms, "\3"));
  EXPECT_FALSE(At(600ms, "\3"));
  EXPECT_FALSE(At(1001ms, "\3"));
  EXPECT_TRUE(At(1600ms, "\3"));  // counted from the second
}

TEST_F(EscapeKeyTest, AnotherKeyStartsAgain) {
  EXPECT_FALSE(At(0ms, "\3\3a"));
  EXPECT_FALSE(At(1ms, "\3\3"));
  EXPECT_TRUE(At(2ms, "\3"));
}

TEST_F(EscapeKeyTest, NothingReadChangesNothing) {
  EXPECT_FALSE(At(0ms, "\3\3"));
  EXPECT_FALSE(At(1ms, ""));
  EXPECT_TRUE(At(2ms, "\3"));
}

}  // namespace
}  // namespace lguest
