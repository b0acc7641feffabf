#include "loader/kernel_version.h"

#include <gtest/gtest.h>

#include <string_view>

#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testdata::FromString;

TEST(ParseKernelVersionTest, NumbersUpToTheFirstOtherCharacter) {
  EXPECT_EQ(ParseKernelVersion("2.6.31"), (KernelVersion{2, 6, 31}));
  EXPECT_EQ(ParseKernelVersion("4.13.4-200.fc26 (gcc"), (KernelVersion{4, 13, 4}));
  EXPECT_EQ(ParseKernelVersion("2.6.32.71"), (KernelVersion{2, 6, 32}));
  EXPECT_EQ(ParseKernelVersion("3.0-rc1"), (KernelVersion{3, 0, 0}));
  EXPECT_EQ(ParseKernelVersion("4.1"), (KernelVersion{4, 1, 0}));
}

TEST(ParseKernelVersionTest, OtherTextIsNoVersion) {
  for (const std::string_view text :
       {"", "4", "4.", ".4", "x.y", "%s", "99999999999999999999.1", "1.256"}) {
    EXPECT_EQ(ParseKernelVersion(text), std::nullopt) << text;
  }
}

TEST(FindKernelVersionTest, FirstBannerWithNumbersCounts) {
  EXPECT_EQ(FindKernelVersion(FromString("\1Linux version %s\1Linux version 3.10.4 (gcc)")),
            (KernelVersion{3, 10, 4}));
  EXPECT_EQ(FindKernelVersion(FromString("Linux version ")), std::nullopt);
  EXPECT_EQ(FindKernelVersion({}), std::nullopt);
}

Bytes Code(std::string_view code) { return FromString(code); }

TEST(HasGuestEntryTest, FindsTheFirstHypercallOfEachGeneration) {
  using std::string_view_literals::operator""sv;
  EXPECT_TRUE(HasGuestEntry(Code("\x90\xb8\x01\0\0\0\xba\0\x10\0\0\xcd\x1f"sv)));
  EXPECT_TRUE(HasGuestEntry(Code("\xb8\x01\0\0\0\xbb\0\x10\0\0\xcd\x1f"sv)));
  EXPECT_TRUE(HasGuestEntry(Code("\xb8\x01\0\0\0\xbb\0\x10\0\0\x0f\x01\xc1"sv)));
  EXPECT_TRUE(HasGuestEntry(Code("\xb8\x01\0\0\0\xc3\xb8\x01\0\0\0\xbb\0\x10\0\0\xcd\x1f"sv)));
}

TEST(HasGuestEntryTest, OtherCodeIsNoEntry) {
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(HasGuestEntry(Code("\xb8\x01\0\0\0\xb9\0\x10\0\0\xcd\x1f"sv)));
  EXPECT_FALSE(HasGuestEntry(Code("\xb8\x01\0\0\0\xbb\0\x10\0\0\xcd\x80"sv)));
  EXPECT_FALSE(HasGuestEntry(Code("\xb8\x01\0\0\0\xbb\0\x10\0\0\xcd"sv))) << "cut off";
  EXPECT_FALSE(HasGuestEntry({}));
}

}  // namespace
}  // namespace lguest::loader
