#include <string>

#include "gtest/gtest.h"
#include "loader/boot_params.h"

namespace lguest::loader {
namespace {

TEST(CommandLineTest, LengthIsLimited_B31) {
  EXPECT_TRUE(CheckCommandLine(std::string(2047, 'x')).ok());
  const absl::Status status = CheckCommandLine(std::string(2048, 'x'));
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(), "kernel command line of 2048 bytes: the guest reads at most 2047");
}

TEST(CommandLineTest, NulInsideIsAnError) {
  EXPECT_EQ(CheckCommandLine(std::string("a\0b", 3)).message(),
            "kernel command line of 3 bytes: byte 1 is a NUL");
}

}  // namespace
}  // namespace lguest::loader
