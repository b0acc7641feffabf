#include "devices/net/shared_net_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "launcher/base/file_lock.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

class SharedNetFileTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SharedNetFile>> Open(const std::string& name = "net") {
    return SharedNetFile::Open(dir_.Path(name));
  }
  std::string Message(const std::string& name) {
    return std::string(Open(name).status().message());
  }

  TempDir dir_;
};

TEST_F(SharedNetFileTest, CreatesAPageWithMode0600) {
  const auto file = Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->slot(), 0u);
  EXPECT_EQ(dir_.Contents("net"), std::string(4096, '\0'));
  EXPECT_EQ((*file)->permissions(), 0600u);
  EXPECT_NE(fcntl((*file)->fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl((*file)->directory_fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(SharedNetFileTest, FileInTheCurrentDirectory) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir_.Path(""));
  EXPECT_TRUE(SharedNetFile::Open("net").ok());
  std::filesystem::current_path(before);
  EXPECT_EQ(dir_.Contents("net").size(), 4096u);
}

TEST_F(SharedNetFileTest, SlotsAreUniqueInOneProcess_B68) {
  const auto first = Open();
  auto second = Open();
  const auto third = Open();
  EXPECT_EQ((*first)->slot(), 0u);
  EXPECT_EQ((*second)->slot(), 1u);
  EXPECT_EQ((*third)->slot(), 2u);
  second->reset();
  const auto again = Open();
  EXPECT_EQ((*again)->slot(), 1u);
}

TEST_F(SharedNetFileTest, SlotOfAKilledLauncherIsFreeAgain) {
  const pid_t child = fork();
  if (child == 0) {
    const auto file = Open();
    kill(getpid(), SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ((*Open())->slot(), 0u);
}

TEST_F(SharedNetFileTest, SlotOfAnOriginalLauncherIsRespected) {
  {
    const auto make = Open();
  }
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const UniqueFd fd(open(dir_.Path("net").c_str(), O_RDWR));
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_len = 1;
    if (fcntl(fd.get(), F_SETLK, &lock) != 0 || write(ready[1], "r", 1) != 1) _exit(1);
    while (true) pause();
  }
  char c;
  ASSERT_EQ(read(ready[0], &c, 1), 1);
  EXPECT_EQ((*Open())->slot(), 1u);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SharedNetFileTest, FullNetworkIsReported_B67) {
  std::vector<std::unique_ptr<SharedNetFile>> files;
  for (uint32_t slot = 0; slot < 682; ++slot) {
    auto file = Open();
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_EQ((*file)->slot(), slot);
    files.push_back(*std::move(file));
  }
  EXPECT_EQ(Message("net"), "all 682 slots of " + dir_.Path("net") + " are in use");
}

TEST_F(SharedNetFileTest, StaleMacIsCleared_B71) {
  std::string page(4096, '\0');
  page.replace(0, 6, "\2\0\1\0\0\0", 6);
  page.replace(6, 6, "\2\0\2\0\0\0", 6);
  dir_.File("net", page);
  {
    const auto file = Open();
    EXPECT_EQ(dir_.Contents("net").substr(0, 6), std::string(6, '\0'));
    EXPECT_EQ(dir_.Contents("net").substr(6, 6), std::string("\2\0\2\0\0\0", 6));
    ASSERT_EQ(pwrite((*file)->fd(), "\2\0\3\0\0\0", 6, 0), 6);
  }
  EXPECT_EQ(dir_.Contents("net").substr(0, 6), std::string(6, '\0'));
}

TEST_F(SharedNetFileTest, ConcurrentCreationMakesOneFile_B69) {
  constexpr size_t kThreads = 8;
  std::vector<absl::StatusOr<std::unique_ptr<SharedNetFile>>> files(kThreads);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (auto& file : files) {
    threads.emplace_back([this, &file] { file = Open(); });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint32_t> slots;
  for (const auto& file : files) {
    ASSERT_TRUE(file.ok()) << file.status();
    slots.insert((*file)->slot());
  }
  EXPECT_EQ(slots.size(), kThreads);
  EXPECT_EQ(dir_.Contents("net").size(), 4096u);
}

TEST_F(SharedNetFileTest, EmptyFileGetsItsPage_B70) {
  dir_.File("net", "");
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(dir_.Contents("net").size(), 4096u);
}

TEST_F(SharedNetFileTest, OtherFilesAreLeftAlone_B70) {
  for (const std::string& bytes :
       {std::string("x"), std::string(4095, '\0'), std::string(4097, '\0'), std::string(4096, 'x'),
        std::string(4095, '\0') + "x"}) {
    dir_.File("other", bytes);
    EXPECT_EQ(Message("other"), dir_.Path("other") + " is not a network file (" +
                                    std::to_string(bytes.size()) + " bytes)");
    EXPECT_EQ(dir_.Contents("other"), bytes);
  }
}

TEST_F(SharedNetFileTest, OtherKindsOfFilesAreRefused_B70) {
  dir_.File("net", "");
  std::filesystem::create_symlink(dir_.Path("net"), dir_.Path("link"));
  EXPECT_EQ(Message("link"), dir_.Path("link") + " is a symbolic link");
  std::filesystem::create_symlink(dir_.Path("nowhere"), dir_.Path("dangling"));
  EXPECT_EQ(Message("dangling"), dir_.Path("dangling") + " is a symbolic link");
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("nowhere")));
  ASSERT_EQ(mkfifo(dir_.Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(Message("pipe"), dir_.Path("pipe") + " is not a regular file");
  std::filesystem::create_directory(dir_.Path("directory"));
  EXPECT_EQ(Message("directory"), "opening " + dir_.Path("directory") + ": Is a directory");
  EXPECT_FALSE(Open("directory/").ok());
  EXPECT_FALSE(Open("no/where").ok());
  EXPECT_FALSE(SharedNetFile::Open("").ok());
}

TEST_F(SharedNetFileTest, WaitForTheCreateLockIsLimited) {
  const UniqueFd fd(open(dir_.File("net", "").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(LockFile(fd.get(), FileLock::kExclusive, {}).value());
  EXPECT_EQ(Message("net"), dir_.Path("net") + " is locked by another program");
}

}  // namespace
}  // namespace lguest
