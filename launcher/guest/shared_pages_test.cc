#include "launcher/guest/shared_pages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/base/unique_fd.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {
namespace {

constexpr GuestPhys kShared(kPageSize);

class SharedPagesTest : public ::testing::Test {
 protected:
  SharedPagesTest() { EXPECT_TRUE(memory_->MapSharedPage(kShared, file_.get()).ok()); }

  void Truncate() const { ASSERT_EQ(ftruncate(file_.get(), 0), 0); }

  TempDir dir_;
  const UniqueFd file_{
      open(dir_.File("net", std::string(kPageSize, 'x')).c_str(), O_RDWR | O_CLOEXEC)};
  std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(4 * kPageSize).value();
};

TEST_F(SharedPagesTest, TruncatedPageBecomesPrivateZeroes_F25) {
  EXPECT_EQ(memory_->Read<uint8_t>(kShared).value(), 'x');
  EXPECT_FALSE(memory_->IsLost(kShared));
  Truncate();
  EXPECT_EQ(memory_->Read<uint8_t>(kShared).value(), 0);
  EXPECT_TRUE(memory_->IsLost(kShared));
  ASSERT_TRUE(memory_->Write(kShared, uint8_t{9}).ok());
  EXPECT_EQ(memory_->Read<uint8_t>(kShared).value(), 9);
}

TEST_F(SharedPagesTest, RepairFindsALostPage_F25) {
  EXPECT_FALSE(SharedPages::Repair());
  Truncate();
  EXPECT_TRUE(SharedPages::Repair());
  EXPECT_FALSE(SharedPages::Repair());
  EXPECT_TRUE(memory_->IsLost(kShared));
}

TEST_F(SharedPagesTest, PagesAreLimitedAndReused) {
  std::vector<std::byte> pages(SharedPages::kMost + 1);
  for (size_t i = 1; i < SharedPages::kMost; ++i) EXPECT_TRUE(SharedPages::Add(&pages[i]).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(SharedPages::Add(&pages[SharedPages::kMost])));
  memory_.reset();
  EXPECT_TRUE(SharedPages::Add(&pages[0]).ok());
  for (size_t i = 0; i < SharedPages::kMost; ++i) SharedPages::Remove(&pages[i]);
}

TEST_F(SharedPagesTest, PageAfterALostOneIsNotLost_F25) {
  Truncate();
  ASSERT_EQ(memory_->Read<uint8_t>(kShared).value(), 0);
  memory_.reset();
  std::byte next{};
  ASSERT_TRUE(SharedPages::Add(&next).ok());
  EXPECT_FALSE(SharedPages::IsLost(&next));
  SharedPages::Remove(&next);
}

TEST_F(SharedPagesTest, OtherBusErrorsEndTheProcess) {
  const pid_t child = fork();
  if (child == 0) {
    void* const other = mmap(nullptr, kPageSize, PROT_READ, MAP_SHARED, file_.get(), 0);
    if (ftruncate(file_.get(), 0) != 0) _exit(1);
    _exit(*static_cast<volatile char*>(other));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

}  // namespace
}  // namespace lguest
