#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "absl/status/status.h"
#include "launcher/options.h"

namespace lguest {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kMegabyte = 1u << 20;

TEST(MemorySizeTest, PlainNumbersAreMegabytes) {
  EXPECT_EQ(ParseMemorySize("64").value(), 64 * kMegabyte);
  EXPECT_EQ(ParseMemorySize("1").value(), kMegabyte);
}

TEST(MemorySizeTest, UnitsMayBeUpperOrLowerCase) {
  EXPECT_EQ(ParseMemorySize("64m").value(), 64 * kMegabyte);
  EXPECT_EQ(ParseMemorySize("64M").value(), 64 * kMegabyte);
  EXPECT_EQ(ParseMemorySize("1g").value(), 1024 * kMegabyte);
  EXPECT_EQ(ParseMemorySize("2G").value(), 2048u * kMegabyte);
}

TEST(MemorySizeTest, MaximumIs2944Megabytes) {
  EXPECT_EQ(ParseMemorySize("2944").value(), 2944u * kMegabyte);
  EXPECT_FALSE(ParseMemorySize("2945").ok());
  EXPECT_FALSE(ParseMemorySize("3g").ok());
}

// atoi() accepts all of these values.
TEST(MemorySizeTest, InvalidSizesAreRefused_B79) {
  for (const std::string_view text :
       {"", "abc", "-1", "+1", " 64", "64 ", "64mb", "64k", "m", "0", "0m", "4096", "0x40", "1.5g",
        "99999999999999999999", "18446744073709551616", "disk.img"}) {
    const absl::Status status = ParseMemorySize(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_NE(status.message().find("1m to 2944m"), std::string_view::npos) << status;
  }
}

TEST(MemorySizeTest, MessageNamesValueAndCause) {
  EXPECT_EQ(ParseMemorySize("64x").status().message(),
            "memory size '64x': 'x' is no unit; give megabytes (64, 64m) or gigabytes (1g), 1m to "
            "2944m");
  EXPECT_THAT(ParseMemorySize("65536k").status().message(), HasSubstr("'k' is no unit"));
  EXPECT_THAT(ParseMemorySize("0x40").status().message(), HasSubstr("'x40' is no unit"));
  EXPECT_THAT(ParseMemorySize("4g").status().message(), HasSubstr("too much"));
  EXPECT_THAT(ParseMemorySize("0").status().message(), HasSubstr("a guest needs some"));
}

}  // namespace
}  // namespace lguest
