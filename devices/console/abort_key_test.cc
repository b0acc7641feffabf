#include "devices/console/abort_key.h"

#include <chrono>
#include <span>
#include <string_view>

#include "gtest/gtest.h"

namespace lguest {
namespace {

class EscapeKeyTest : public testing::Test {
 protected:
  // `typed` is read at `when` milliseconds.
  bool At(int when, std::string_view typed) {
    now_ = std::chrono::milliseconds(when);
    return key_.Saw(std::as_bytes(std::span(typed)));
  }

 private:
  std::chrono::nanoseconds now_{};
  EscapeKey key_{[this] { return now_; }};
};

TEST_F(EscapeKeyTest, ThreeReadsWithinASecond_B43) {
  EXPECT_FALSE(At(0, "\3"));
  EXPECT_FALSE(At(500, "\3"));
  EXPECT_TRUE(At(1000, "\3"));
}

TEST_F(EscapeKeyTest, OneRead_B43) { EXPECT_TRUE(At(0, "\3\3\3")); }

TEST_F(EscapeKeyTest, AmongOtherKeysOfARead_B43) { EXPECT_TRUE(At(0, "ls\3\3\3x")); }

TEST_F(EscapeKeyTest, TwoReads_B43) {
  EXPECT_FALSE(At(0, "a\3\3"));
  EXPECT_TRUE(At(1, "\3b"));
}

TEST_F(EscapeKeyTest, TooSlow) {
  EXPECT_FALSE(At(0, "\3"));
  EXPECT_FALSE(At(600, "\3"));
  EXPECT_FALSE(At(1001, "\3"));
  EXPECT_TRUE(At(1600, "\3"));  // counted from the second
}

TEST_F(EscapeKeyTest, AnotherKeyStartsAgain) {
  EXPECT_FALSE(At(0, "\3\3a"));
  EXPECT_FALSE(At(1, "\3\3"));
  EXPECT_TRUE(At(2, "\3"));
}

TEST_F(EscapeKeyTest, NothingReadChangesNothing) {
  EXPECT_FALSE(At(0, "\3\3"));
  EXPECT_FALSE(At(1, ""));
  EXPECT_TRUE(At(2, "\3"));
}

}  // namespace
}  // namespace lguest
