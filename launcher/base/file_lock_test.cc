#include "launcher/base/file_lock.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "launcher/base/testing/failing_system_call.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

class FileLockTest : public testing::Test {
 protected:
  FileLockTest() : path_(dir_.File("locked", "x")) {}
  UniqueFd Open() const { return UniqueFd(open(path_.c_str(), O_RDWR | O_CLOEXEC)); }

  TempDir dir_;
  std::string path_;
};

TEST_F(FileLockTest, ConflictsWithinOneProcess_B68) {
  const UniqueFd a = Open();
  const UniqueFd b = Open();
  EXPECT_TRUE(LockFile(a.get(), FileLock::kExclusive, {}).value());
  EXPECT_FALSE(LockFile(b.get(), FileLock::kExclusive, {}).value());
  EXPECT_FALSE(LockFile(b.get(), FileLock::kShared, {}).value());
}

TEST_F(FileLockTest, ClosingAnotherDescriptorKeepsTheLock_B68) {
  const UniqueFd a = Open();
  EXPECT_TRUE(LockFile(a.get(), FileLock::kExclusive, {}).value());
  {
    const UniqueFd b = Open();
  }
  EXPECT_FALSE(LockFile(Open().get(), FileLock::kExclusive, {}).value());
}

TEST_F(FileLockTest, SharedLocksDoNotConflict) {
  const UniqueFd a = Open();
  const UniqueFd b = Open();
  EXPECT_TRUE(LockFile(a.get(), FileLock::kShared, {}).value());
  EXPECT_TRUE(LockFile(b.get(), FileLock::kShared, {}).value());
  EXPECT_FALSE(LockFile(Open().get(), FileLock::kExclusive, {}).value());
}

TEST_F(FileLockTest, DifferentRangesDoNotConflict) {
  const UniqueFd a = Open();
  const UniqueFd b = Open();
  EXPECT_TRUE(LockFile(a.get(), FileLock::kExclusive, {.start = 0, .len = 1}).value());
  EXPECT_TRUE(LockFile(b.get(), FileLock::kExclusive, {.start = 1, .len = 1}).value());
  EXPECT_FALSE(LockFile(b.get(), FileLock::kExclusive, {.start = 0, .len = 1}).value());
  EXPECT_TRUE(UnlockFile(a.get(), {.start = 0, .len = 1}).ok());
  EXPECT_TRUE(LockFile(b.get(), FileLock::kExclusive, {.start = 0, .len = 1}).value());
}

// The child takes a POSIX lock, as the original launcher does.
TEST_F(FileLockTest, ConflictsWithPosixLockOfOtherProcess) {
  const UniqueFd a = Open();
  EXPECT_TRUE(LockFile(a.get(), FileLock::kExclusive, {.start = 3, .len = 1}).value());
  const pid_t child = fork();
  if (child == 0) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_start = 3;
    lock.l_len = 1;
    const UniqueFd fd = Open();
    _exit(fcntl(fd.get(), F_SETLK, &lock) == -1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(FileLockTest, BadDescriptorIsAnError_B67) {
  EXPECT_FALSE(LockFile(-1, FileLock::kExclusive, {}).ok());
}

TEST_F(FileLockTest, FileSystemWithoutLocksIsReported_F18) {
  for (const int error : {ENOLCK, EOPNOTSUPP, ENOSYS}) {
    const SystemCallFault no_locks = {
        .number = kFcntlNumber, .error = error, .argument = 1, .value = F_OFD_SETLK};
    EXPECT_EQ(RunWithFault(no_locks,
                           [this] {
                             return absl::IsUnimplemented(
                                        LockFile(Open().get(), FileLock::kExclusive, {}).status())
                                        ? 42
                                        : 1;
                           }),
              42);
  }
}

}  // namespace
}  // namespace lguest
