#include "launcher/base/status_macros.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace lguest {
namespace {

absl::Status Check(int number) {
  return number < 0 ? absl::InvalidArgumentError("negative") : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<int>> Box(int number) {
  RETURN_IF_ERROR(Check(number));
  return std::make_unique<int>(number);
}

absl::StatusOr<int> Sum(int a, int b) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> first, Box(a));
  std::unique_ptr<int> second;
  ASSIGN_OR_RETURN(second, Box(b));
  return *first + *second;
}

// A part of a message. Its conversion to text changes errno, as any conversion may.
struct ChangesErrno {
  friend absl::FormatConvertResult<absl::FormatConversionCharSet::kString> AbslFormatConvert(
      const ChangesErrno& /*part*/, const absl::FormatConversionSpec& /*spec*/,
      absl::FormatSink* sink) {
    errno = EDOM;
    sink->Append("part");
    return {true};
  }
};

TEST(StatusMacrosTest, MacrosReturnTheFirstError) {
  EXPECT_EQ(Sum(1, 2).value(), 3);
  EXPECT_EQ(Sum(-1, 2).status(), absl::InvalidArgumentError("negative"));
  EXPECT_EQ(Sum(1, -2).status(), absl::InvalidArgumentError("negative"));
}

TEST(StatusMacrosTest, ErrnoIsReadBeforeFormatting_F24) {
  const std::string name = "disk";
  errno = ENOENT;
  EXPECT_EQ(ErrnoStatus("opening ", name, 7), absl::ErrnoToStatus(ENOENT, "opening disk7"));
  errno = EACCES;
  EXPECT_EQ(ErrnoStatusF("a %s", ChangesErrno()), absl::ErrnoToStatus(EACCES, "a part"));
}

}  // namespace
}  // namespace lguest
