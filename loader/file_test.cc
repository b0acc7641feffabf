#include "loader/file.h"

#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/base/unique_fd.h"
#include "testdata/images/bytes.h"
#include "testdata/images/temp_file.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testing::EndsWith;

std::string Message(const absl::StatusOr<File>& file) {
  return std::string(file.status().message());
}

Bytes ContentsOf(const File& file) {
  const auto contents = file.ReadAll();
  EXPECT_TRUE(contents.ok()) << contents.status();
  return Bytes(contents->bytes().begin(), contents->bytes().end());
}

TEST(FileTest, ReadsAllBytes) {
  const Bytes contents = testdata::Noise(100'000, 1);
  const testdata::TempFile temporary(contents);
  const auto file = File::Open(temporary.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), contents.size());
  EXPECT_EQ(file->name(), temporary.path());
  EXPECT_EQ(ContentsOf(*file), contents);
}

TEST(FileTest, FileInPlaceOfAFolderIsNotFound) {
  const testdata::TempFile temporary(testdata::Noise(10, 1));
  EXPECT_TRUE(absl::IsNotFound(File::Open(temporary.path() + "/vmlinux").status()));
}

TEST(FileTest, TruncatedFileIsAnError_F2) {
  const testdata::TempFile temporary(testdata::Noise(9000, 1));
  const auto file = File::Open(temporary.path());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(truncate(temporary.path().c_str(), 5000), 0);
  const auto contents = file->ReadAll();
  EXPECT_TRUE(absl::IsUnavailable(contents.status()));
  EXPECT_EQ(contents.status().message(),
            temporary.path() +
                ": the file had 9000 bytes and now has 5000: it changed while it was read");
}

// A pipe whose other end writes `contents` and closes.
class FilledPipe {
 public:
  explicit FilledPipe(const Bytes& contents) {
    std::array<int, 2> ends;
    EXPECT_EQ(pipe(ends.data()), 0);
    read_end_ = UniqueFd(ends[0]);
    writer_ = std::thread([fd = ends[1], contents] {
      const UniqueFd write_end(fd);
      EXPECT_EQ(write(fd, contents.data(), contents.size()), ssize_t(contents.size()));
    });
  }
  ~FilledPipe() { writer_.join(); }

  std::string path() const { return absl::StrCat("/dev/fd/", read_end_.get()); }

 private:
  UniqueFd read_end_;
  std::thread writer_;
};

TEST(FileTest, PipeIsReadToItsEnd_F20) {
  const Bytes contents = testdata::Noise(300'000, 1);
  const FilledPipe pipe(contents);
  const auto file = File::Open(pipe.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), contents.size());
  EXPECT_EQ(ContentsOf(*file), contents);
  EXPECT_EQ(ContentsOf(*file), contents) << "the second time";
}

TEST(FileTest, EmptyPipeIsRefused_F20) {
  const FilledPipe pipe({});
  const auto file = File::Open(pipe.path());
  EXPECT_TRUE(absl::IsInvalidArgument(file.status()));
  EXPECT_THAT(Message(file), EndsWith(": the file is empty"));
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
  EXPECT_EQ(Message(file), "/dev/zero: not a regular file or a pipe");
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
