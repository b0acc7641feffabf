#include "launcher/deterministic_options.h"

#include <gtest/gtest.h>

#include <string_view>

#include "absl/status/status.h"

namespace lguest {
namespace {

TEST(DeterministicOptionsTest, NanosecondsAndStartAreOptional) {
  EXPECT_EQ(ParseDeterministicOptions("7")->nanos_per_instruction, 7);
  EXPECT_EQ(ParseDeterministicOptions("7")->start.sec, DeterministicOptions().start.sec);
  EXPECT_EQ(ParseDeterministicOptions("start=5")->start.sec, 5u);
  EXPECT_EQ(ParseDeterministicOptions("start=5")->nanos_per_instruction, 2);
  EXPECT_EQ(ParseDeterministicOptions("1000,start=4294967295")->nanos_per_instruction, 1000);
  EXPECT_EQ(ParseDeterministicOptions("1000,start=4294967295")->start.sec, 4294967295u);
}

TEST(DeterministicOptionsTest, OtherValuesAreRefused) {
  for (const std::string_view text :
       {"", "0", "-1", "1001", "2x", "2,3", "2,", ",start=5", "start=", "start=-1", "start=x",
        "start=4294967296", "start=5,2", "99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDeterministicOptions(text).status())) << text;
  }
}

}  // namespace
}  // namespace lguest
