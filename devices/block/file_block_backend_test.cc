#include "devices/block/file_block_backend.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "gtest/gtest.h"
#include "launcher/base/testing/failing_system_call.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/testing/without_capabilities.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

// Page-aligned memory, as direct I/O requires.
class PageBuffer {
 public:
  static constexpr size_t kSize = 64 << 10;
  PageBuffer()
      : bytes_(static_cast<char*>(
            mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~PageBuffer() { munmap(bytes_, kSize); }
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  char* data() { return bytes_; }
  std::array<iovec, 1> Piece(size_t at, size_t len) { return {{{bytes_ + at, len}}}; }

 private:
  char* const bytes_;
};

class FileBlockBackendTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<BlockBackend>> Open(const std::string& path,
                                                     bool read_only = false) {
    return FileBlockBackend::Open({path, read_only},
                                  [this](const std::string& line) { log_lines_.push_back(line); });
  }

  TempDir dir_;
  PageBuffer buffer_;
  std::vector<std::string> log_lines_;
};

TEST_F(FileBlockBackendTest, ReadsAndWritesAtOffsets) {
  const std::string path = dir_.File("disk", std::string(8192, 'a') + std::string(8192, 'b'));
  const auto disk = Open(path);
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ((*disk)->size(), 16384u);
  ASSERT_TRUE((*disk)->ReadAt(4096, buffer_.Piece(0, 8192)).ok());
  EXPECT_EQ(std::string(buffer_.data(), 8192), std::string(4096, 'a') + std::string(4096, 'b'));
  std::memset(buffer_.data(), 'w', 4096);
  ASSERT_TRUE((*disk)->WriteAt(4096, buffer_.Piece(0, 4096)).ok());
  EXPECT_TRUE((*disk)->Sync().ok());
  EXPECT_EQ(dir_.Contents("disk"),
            std::string(4096, 'a') + std::string(4096, 'w') + std::string(8192, 'b'));
}

// The file position of this process's descriptor of `path`.
std::string PositionOf(const std::filesystem::path& path) {
  for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code closed;
    if (std::filesystem::read_symlink(fd.path(), closed) != path) continue;
    std::ifstream info("/proc/self/fdinfo/" + fd.path().filename().string());
    std::string key;
    std::string position;
    info >> key >> position;
    return position;
  }
  return "not open";
}

TEST_F(FileBlockBackendTest, TransferDoesNotMoveTheFilePosition_B66) {
  const std::string path = dir_.File("disk", std::string(8192, 'a'));
  const auto disk = Open(path);
  ASSERT_TRUE(disk.ok()) << disk.status();
  ASSERT_TRUE((*disk)->ReadAt(4096, buffer_.Piece(0, 4096)).ok());
  ASSERT_TRUE((*disk)->WriteAt(4096, buffer_.Piece(0, 512)).ok());
  EXPECT_EQ(PositionOf(std::filesystem::canonical(path)), "0");
}

TEST_F(FileBlockBackendTest, UnalignedRequestsUseTheCache_B62) {
  const std::string path = dir_.File("disk", std::string(16384, 'a'));
  const auto disk = Open(path);
  const size_t before = log_lines_.size();
  buffer_.data()[1] = 'w';
  ASSERT_TRUE((*disk)->WriteAt(777, buffer_.Piece(1, 1)).ok());
  ASSERT_TRUE((*disk)->ReadAt(776, buffer_.Piece(3, 3)).ok());
  EXPECT_EQ(std::string(buffer_.data() + 3, 3), "awa");
  EXPECT_LE(log_lines_.size() - before, 1u);
  EXPECT_LE(log_lines_.size(), 1u);
}

TEST_F(FileBlockBackendTest, FileOfOddSize_B62) {
  const auto disk = Open(dir_.File("disk", std::string(600, 'a')));
  ASSERT_TRUE(disk.ok()) << disk.status();
  ASSERT_TRUE((*disk)->ReadAt(599, buffer_.Piece(0, 1)).ok());
  EXPECT_EQ(buffer_.data()[0], 'a');
}

TEST_F(FileBlockBackendTest, OffsetsBeyondFourGigabytes_B55) {
  const std::string path = dir_.File("disk", "");
  ASSERT_EQ(truncate64(path.c_str(), int64_t{5} << 30), 0);
  const auto disk = Open(path);
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ((*disk)->size(), uint64_t{5} << 30);
  std::memset(buffer_.data(), 'w', 4096);
  ASSERT_TRUE((*disk)->WriteAt((uint64_t{5} << 30) - 4096, buffer_.Piece(0, 4096)).ok());
  struct stat64 file;
  ASSERT_EQ(stat64(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_size, int64_t{5} << 30);
  ASSERT_TRUE((*disk)->ReadAt((uint64_t{1} << 30) - 4096, buffer_.Piece(8192, 4096)).ok());
  EXPECT_EQ(std::string(buffer_.data() + 8192, 4096), std::string(4096, '\0'));
}

TEST_F(FileBlockBackendTest, FileSystemWithoutLocksIsUsedWithANotice_F18) {
  const std::string path = dir_.File("disk", std::string(4096, 'x'));
  const SystemCallFault no_locks = {
      .number = kFcntlNumber, .error = ENOLCK, .argument = 1, .value = F_OFD_SETLK};
  EXPECT_EQ(RunWithFault(no_locks,
                         [&] {
                           if (!Open(path).ok() || log_lines_.empty()) return 1;
                           const bool is_notice =
                               log_lines_[0] ==
                               path +
                                   ": the file system has no locks, so nothing keeps another "
                                   "guest from using this disk, too (',lock=off' omits this "
                                   "notice)";
                           return is_notice ? 42 : 2;
                         }),
            42);
}

TEST_F(FileBlockBackendTest, DiskWithoutALockIsNotLocked_F18) {
  const std::string path = dir_.File("disk", std::string(4096, 'x'));
  const auto first = FileBlockBackend::Open({.path = path, .wants_lock = false}, nullptr);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(Open(path).ok());
}

TEST_F(FileBlockBackendTest, TruncatedFileIsAnError) {
  const std::string path = dir_.File("disk", std::string(16384, 'a'));
  const auto disk = Open(path);
  ASSERT_EQ(truncate(path.c_str(), 4096), 0);
  const absl::Status status = (*disk)->ReadAt(0, buffer_.Piece(0, 8192));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(FileBlockBackendTest, DiskInUseIsRefused_B63) {
  const std::string path = dir_.File("disk", std::string(4096, 'a'));
  const auto disk = Open(path);
  ASSERT_TRUE(disk.ok());
  EXPECT_EQ(Open(path).status().message(),
            path + " is in use by another guest (',readonly' disks can be shared)");
  EXPECT_EQ(Open(path, true).status().message(),
            path + " is in use by another guest, which writes to it");
  const std::string link = dir_.Path("other-name");
  std::filesystem::create_hard_link(path, link);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(link).status()));
}

TEST_F(FileBlockBackendTest, ReadOnlyDisksAreShared_B63) {
  const std::string path = dir_.File("disk", std::string(4096, 'a'));
  {
    const auto first = Open(path, true);
    const auto second = Open(path, true);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(Open(path).status()));
    EXPECT_TRUE(absl::IsPermissionDenied((*first)->WriteAt(0, buffer_.Piece(0, 4096))));
    ASSERT_TRUE((*second)->ReadAt(0, buffer_.Piece(0, 4096)).ok());
    EXPECT_EQ(buffer_.data()[0], 'a');
  }
  EXPECT_TRUE(Open(path).ok());
}

TEST_F(FileBlockBackendTest, ReadOnlyFileNeedsReadonlyOption_B62) {
  const std::string path = dir_.File("disk", std::string(4096, 'a'));
  ASSERT_EQ(chmod(path.c_str(), 0400), 0);
  const WithoutCapabilities no_capabilities;
  EXPECT_NE(Open(path).status().message().find("(',readonly' reads only)"), std::string::npos);
  EXPECT_TRUE(Open(path, true).ok());
}

TEST_F(FileBlockBackendTest, MissingFileIsNamed) {
  const std::string path = dir_.Path("nowhere");
  EXPECT_EQ(Open(path).status().message(), "opening " + path + ": No such file or directory");
}

TEST_F(FileBlockBackendTest, OtherKindsOfFilesAreRefused_B64) {
  const std::string pipe = dir_.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(Open(pipe, true).status().message(), pipe + " is not a regular file or block device");
  EXPECT_FALSE(Open(pipe).ok());
  EXPECT_EQ(Open("/dev/null").status().message(),
            "/dev/null is not a regular file or block device");
  EXPECT_FALSE(Open(dir_.Path(""), true).ok());
}

TEST_F(FileBlockBackendTest, DescriptorIsCloseOnExec_B37) {
  const auto disk = Open(dir_.File("disk", std::string(512, 'x')));
  bool found = false;
  for (int fd = 0; fd < 1024; ++fd) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
    if (error || target.filename() != "disk") continue;
    found = true;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_TRUE(found);
}

// A loop device on a file. Detaches it on destruction.
class LoopDevice {
 public:
  explicit LoopDevice(const std::string& file) {
    const UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control.valid()) {
      error_ = std::string("/dev/loop-control: ") + strerror(errno);
      return;
    }
    backing_ = UniqueFd(open(file.c_str(), O_RDWR | O_CLOEXEC));
    // Another process may take the free device first.
    for (int i = 0; i < 10; ++i) {
      const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
      path_ = "/dev/loop" + std::to_string(number);
      fd_ = UniqueFd(open(path_.c_str(), O_RDWR | O_CLOEXEC));
      if (fd_.valid() && ioctl(fd_.get(), LOOP_SET_FD, backing_.get()) == 0) {
        attached_ = true;
        return;
      }
      error_ = path_ + ": " + strerror(errno);
    }
  }
  ~LoopDevice() {
    if (attached_) ioctl(fd_.get(), LOOP_CLR_FD, 0);
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  bool attached() const { return attached_; }
  const std::string& error() const { return error_; }
  const std::string& path() const { return path_; }

 private:
  UniqueFd backing_;
  UniqueFd fd_;
  std::string path_;
  std::string error_;
  bool attached_ = false;
};

TEST_F(FileBlockBackendTest, RealBlockDeviceWithDirectIo_B62) {
  const std::string file = dir_.File("disk", std::string(1 << 20, 'a'));
  const LoopDevice loop(file);
  if (!loop.attached()) GTEST_SKIP() << "no loop device: " << loop.error();
  {
    const auto disk = Open(loop.path());
    ASSERT_TRUE(disk.ok()) << disk.status();
    EXPECT_EQ((*disk)->size(), uint64_t{1} << 20);
    std::memset(buffer_.data(), 'w', 1024);
    ASSERT_TRUE((*disk)->WriteAt(512, buffer_.Piece(0, 1024)).ok());
    ASSERT_TRUE((*disk)->ReadAt(0, buffer_.Piece(4096, 2048)).ok());
    EXPECT_EQ(std::string(buffer_.data() + 4096, 2048),
              std::string(512, 'a') + std::string(1024, 'w') + std::string(512, 'a'));
    EXPECT_TRUE(log_lines_.empty()) << log_lines_[0];  // all transfers were direct
    // Neither the offset nor the memory is aligned.
    ASSERT_TRUE((*disk)->ReadAt(700, buffer_.Piece(1, 10)).ok());
    EXPECT_EQ(std::string(buffer_.data() + 1, 10), std::string(10, 'w'));
    EXPECT_EQ(log_lines_.size(), 1u);
    EXPECT_TRUE(absl::IsFailedPrecondition(Open(loop.path()).status()));
    EXPECT_TRUE((*disk)->Sync().ok());
  }
  EXPECT_EQ(dir_.Contents("disk").substr(0, 2048),
            std::string(512, 'a') + std::string(1024, 'w') + std::string(512, 'a'));
}

}  // namespace
}  // namespace lguest
