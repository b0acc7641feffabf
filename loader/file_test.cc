#include "loader/file.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/temp_file.h"

namespace lguest::loader {
namespace {

using testing::ElementsAreArray;
using testing::EndsWith;

std::string Message(const absl::StatusOr<File>& file) {
  return std::string(file.status().message());
}

TEST(FileTest, MapsTheFile) {
  const testdata::Bytes contents = testdata::FromString("some bytes");
  const testdata::TempFile temporary(contents);
  const auto file = File::Open(temporary.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), contents.size());
  EXPECT_EQ(file->name(), temporary.path());
  const auto view = file->Map();
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_THAT(view->bytes(), ElementsAreArray(contents));
}

TEST(FileTest, ViewOutlivesTheFile) {
  const testdata::TempFile temporary(testdata::FromString("x"));
  absl::StatusOr<FileView> view = [&] { return File::Open(temporary.path())->Map(); }();
  ASSERT_TRUE(view.ok());
  const FileView moved = *std::move(view);
  EXPECT_EQ(moved.bytes()[0], std::byte{'x'});
}

TEST(FileTest, MissingFileIsNotFound) {
  const auto file = File::Open("/nowhere/vmlinux");
  EXPECT_TRUE(absl::IsNotFound(file.status()));
  EXPECT_EQ(Message(file), "/nowhere/vmlinux: No such file or directory");
}

TEST(FileTest, DirectoryIsRefused) {
  const auto file = File::Open("/");
  EXPECT_TRUE(absl::IsUnavailable(file.status()));
  EXPECT_EQ(Message(file), "/: Is a directory");
}

TEST(FileTest, DeviceIsRefused) {
  const auto file = File::Open("/dev/zero");
  EXPECT_TRUE(absl::IsUnavailable(file.status()));
  EXPECT_EQ(Message(file), "/dev/zero: not a regular file");
}

TEST(FileTest, EmptyFileIsRefused_B25) {
  const testdata::TempFile temporary({});
  const auto file = File::Open(temporary.path());
  EXPECT_TRUE(absl::IsInvalidArgument(file.status()));
  EXPECT_THAT(Message(file), EndsWith(": the file is empty"));
}

TEST(FileTest, MessagesEscapeTheName) {
  EXPECT_EQ(Message(File::Open("no\nsuch\x1b[2J")), "no\\nsuch\\x1b[2J: No such file or directory");
  EXPECT_EQ(Message(File::Open("")), "the file name is empty");
}

}  // namespace
}  // namespace lguest::loader
