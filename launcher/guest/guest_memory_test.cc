#include "launcher/guest/guest_memory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr uint32_t kSize = 4 * kPageSize;

// Runs with every placement. Skips kIdentity if address 0 cannot be mapped.
class GuestMemoryTest : public ::testing::TestWithParam<GuestMemory::Placement> {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    if (GetParam() == GuestMemory::Placement::kIdentity) {
      GTEST_SKIP() << "ThreadSanitizer does not allow a mapping at address 0";
    }
#endif
    absl::StatusOr<std::unique_ptr<GuestMemory>> memory = GuestMemory::Create(kSize, GetParam());
    if (GetParam() == GuestMemory::Placement::kIdentity &&
        absl::IsPermissionDenied(memory.status())) {
      GTEST_SKIP() << "this user may not map address 0: " << memory.status();
    }
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
  }

  std::unique_ptr<GuestMemory> memory_;
};

INSTANTIATE_TEST_SUITE_P(, GuestMemoryTest,
                         ::testing::Values(GuestMemory::Placement::kAnywhere,
                                           GuestMemory::Placement::kHugePages,
                                           GuestMemory::Placement::kIdentity),
                         [](const auto& placement) {
                           switch (placement.param) {
                             case GuestMemory::Placement::kHugePages:
                               return "HugePages";
                             case GuestMemory::Placement::kIdentity:
                               return "Identity";
                             default:
                               return "Anywhere";
                           }
                         });

TEST(HugePagesTest, BaseIsAlignedToHugePages) {
  constexpr uintptr_t kHugePageSize = uintptr_t{2} << 20;
  for (const uint32_t size : {kPageSize, 3u << 20}) {
    auto memory = GuestMemory::Create(size, GuestMemory::Placement::kHugePages);
    ASSERT_TRUE(memory.ok()) << memory.status();
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*memory)->base()) % kHugePageSize, 0u);
  }
}

TEST(IdentityTest, ExistingMappingsAreNotReplaced_B85) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer does not allow a mapping at address 0";
#endif
  constexpr uintptr_t kTaken = 0x30000000;
  void* const taken = mmap(reinterpret_cast<void*>(kTaken), kPageSize, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  ASSERT_EQ(taken, reinterpret_cast<void*>(kTaken));
  const absl::Status status =
      GuestMemory::Create(kTaken + kPageSize, GuestMemory::Placement::kIdentity).status();
  if (absl::IsPermissionDenied(status)) GTEST_SKIP() << status;
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("leaves room for 768 MB"));
  EXPECT_TRUE(GuestMemory::Create(kTaken, GuestMemory::Placement::kIdentity).ok());
  munmap(taken, kPageSize);
}

TEST_P(GuestMemoryTest, IsInitiallyZero) {
  EXPECT_EQ(memory_->Read<uint32_t>(GuestPhys(0)).value(), 0u);
  EXPECT_EQ(memory_->Read<uint32_t>(GuestPhys(kSize - 4)).value(), 0u);
}

TEST_P(GuestMemoryTest, ReadsBackUnalignedWrites) {
  for (const uint32_t addr : {0u, 1u, 4094u, 4095u, kSize - 4}) {
    ASSERT_TRUE(memory_->Write(GuestPhys(addr), uint32_t{0x12345678}).ok()) << addr;
    EXPECT_EQ(memory_->Read<uint32_t>(GuestPhys(addr)).value(), 0x12345678u) << addr;
  }
}

TEST_P(GuestMemoryTest, AddressZeroIsOrdinaryMemory) {
  const std::array<std::byte, 8> bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                          std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
  ASSERT_TRUE(memory_->WriteBytes(GuestPhys(0), bytes).ok());
  std::array<std::byte, 8> read = {};
  ASSERT_TRUE(memory_->ReadBytes(GuestPhys(0), read).ok());
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(memory_->Range(GuestPhys(0), 8).value().size(), 8u);
}

TEST_P(GuestMemoryTest, EveryLengthIsCopied) {
  const std::array<std::byte, 9> ones = [] {
    std::array<std::byte, 9> bytes;
    bytes.fill(std::byte{1});
    return bytes;
  }();
  for (size_t len = 0; len <= ones.size(); ++len) {
    std::array<std::byte, 10> read = {};
    ASSERT_TRUE(memory_->WriteBytes(GuestPhys(16), read).ok());
    ASSERT_TRUE(memory_->WriteBytes(GuestPhys(16), std::span(ones).first(len)).ok());
    ASSERT_TRUE(memory_->ReadBytes(GuestPhys(16), read).ok());
    EXPECT_EQ(std::count(read.begin(), read.end(), std::byte{1}), static_cast<ptrdiff_t>(len));
    EXPECT_TRUE(std::is_sorted(read.rbegin(), read.rend())) << len;
  }
}

TEST_P(GuestMemoryTest, RangeThatEndsAtTheTopIsInside_B02) {
  EXPECT_TRUE(memory_->Contains(GuestPhys(kSize - 4), 4));
  EXPECT_TRUE(memory_->Range(GuestPhys(0), kSize).ok());
  EXPECT_TRUE(memory_->Write(GuestPhys(kSize - 1), uint8_t{1}).ok());
}

TEST_P(GuestMemoryTest, RangeOneBytePastTheTopIsOutside) {
  EXPECT_FALSE(memory_->Contains(GuestPhys(kSize - 3), 4));
  EXPECT_FALSE(memory_->Contains(GuestPhys(0), kSize + 1));
  EXPECT_FALSE(memory_->Contains(GuestPhys(kSize), 1));
  EXPECT_TRUE(absl::IsOutOfRange(memory_->Read<uint32_t>(GuestPhys(kSize - 3)).status()));
  EXPECT_TRUE(absl::IsOutOfRange(memory_->Write(GuestPhys(kSize), uint8_t{1})));
}

TEST_P(GuestMemoryTest, AddressAndLengthDoNotWrapAround_B01) {
  EXPECT_FALSE(memory_->Contains(GuestPhys(0xffffffff), 1));
  EXPECT_FALSE(memory_->Contains(GuestPhys(0xffffffff), 2));
  EXPECT_FALSE(memory_->Contains(GuestPhys(0xfffff000), 0x1001));
  EXPECT_FALSE(memory_->Contains(GuestPhys(4), 0xfffffffc));
  EXPECT_FALSE(memory_->Contains(GuestPhys(4), UINT64_MAX));
  EXPECT_FALSE(memory_->Contains(GuestPhys(4), UINT64_MAX - 3));
  EXPECT_FALSE(memory_->Range(GuestPhys(0x1000), 0xffffffff).ok());
  EXPECT_FALSE(memory_->MutableRange(GuestPhys(0xfffffffe), 4).ok());
}

TEST_P(GuestMemoryTest, EmptyRangeAtTheTopIsInside) {
  EXPECT_TRUE(memory_->Contains(GuestPhys(0), 0));
  EXPECT_TRUE(memory_->Contains(GuestPhys(kSize), 0));
  EXPECT_FALSE(memory_->Contains(GuestPhys(kSize + 1), 0));
  EXPECT_TRUE(memory_->WriteBytes(GuestPhys(kSize), {}).ok());
  EXPECT_TRUE(memory_->Range(GuestPhys(kSize), 0).value().empty());
}

TEST_P(GuestMemoryTest, MessageHasUnsignedAddressAndLength_B03) {
  EXPECT_EQ(memory_->Read<Dma>(GuestPhys(0xfffffff0)).status().message(),
            "bad read address 0xfffffff0 len 100");
  EXPECT_EQ(memory_->Write(GuestPhys(0x80000000), uint32_t{0}).message(),
            "bad write address 0x80000000 len 4");
}

TEST_P(GuestMemoryTest, FailedWriteChangesNothing) {
  ASSERT_FALSE(memory_->Write(GuestPhys(kSize - 2), uint32_t{0xffffffff}).ok());
  EXPECT_EQ(memory_->Read<uint16_t>(GuestPhys(kSize - 2)).value(), 0);
}

class WriteLog : public WriteObserver {
 public:
  void OnWrite(GuestPhys addr, uint32_t len) override { writes.emplace_back(addr.value(), len); }
  std::vector<std::pair<uint32_t, uint32_t>> writes;
};

TEST_P(GuestMemoryTest, ObserverIsCalledForSuccessfulWrites) {
  WriteLog log;
  memory_->set_write_observer(&log);
  ASSERT_TRUE(memory_->Write(GuestPhys(8), uint32_t{1}).ok());
  ASSERT_TRUE(memory_->WriteBytes(GuestPhys(16), {}).ok());
  ASSERT_FALSE(memory_->Write(GuestPhys(kSize), uint8_t{1}).ok());
  memory_->NotifyWritten(GuestPhys(32), 5);
  EXPECT_THAT(log.writes, ElementsAre(Pair(8, 4), Pair(32, 5)));
}

// A temporary file of two and a half pages. Every byte of page n, counted from 1, has the value n.
class TempFile {
 public:
  TempFile()
      : path_(::testing::TempDir() + "/guest_memory_test.XXXXXX"), fd_(mkstemp(path_.data())) {
    std::string contents(2 * kPageSize + kPageSize / 2, '\1');
    std::fill(contents.begin() + kPageSize, contents.end(), '\2');
    std::fill(contents.begin() + 2 * kPageSize, contents.end(), '\3');
    EXPECT_EQ(write(fd_, contents.data(), contents.size()), static_cast<ssize_t>(contents.size()));
  }
  ~TempFile() {
    close(fd_);
    unlink(path_.c_str());
  }

  int fd() const { return fd_; }
  char ByteAt(off_t offset) const {
    char byte = 0;
    EXPECT_EQ(pread(fd_, &byte, 1, offset), 1);
    return byte;
  }

 private:
  std::string path_;
  int fd_;
};

TEST_P(GuestMemoryTest, ShrunkMemoryEndsEarlier) {
  ASSERT_TRUE(memory_->Write(GuestPhys(kPageSize - 1), uint8_t{9}).ok());
  memory_->Shrink(kPageSize);
  EXPECT_EQ(memory_->size(), kPageSize);
  EXPECT_EQ(memory_->Read<uint8_t>(GuestPhys(kPageSize - 1)).value(), 9);
  EXPECT_TRUE(absl::IsOutOfRange(memory_->Read<uint8_t>(GuestPhys(kPageSize)).status()));
}

TEST_P(GuestMemoryTest, WritesToSharedPageReachTheFile) {
  const TempFile file;
  ASSERT_TRUE(memory_->MapSharedPage(GuestPhys(kSize - kPageSize), file.fd()).ok());
  EXPECT_EQ(memory_->Read<uint8_t>(GuestPhys(kSize - kPageSize)).value(), file.ByteAt(0));
  ASSERT_TRUE(memory_->Write(GuestPhys(kSize - 1), uint8_t{9}).ok());
  EXPECT_EQ(file.ByteAt(kPageSize - 1), 9);
}

TEST_P(GuestMemoryTest, MapSharedPageChecksAddress) {
  const TempFile file;
  EXPECT_TRUE(absl::IsOutOfRange(memory_->MapSharedPage(GuestPhys(1), file.fd())));
  EXPECT_TRUE(absl::IsOutOfRange(memory_->MapSharedPage(GuestPhys(kSize), file.fd())));
  EXPECT_TRUE(absl::IsOutOfRange(memory_->MapSharedPage(GuestPhys(0xfffff000), file.fd())));
  EXPECT_FALSE(memory_->MapSharedPage(GuestPhys(0), -1).ok());
}

TEST(GuestMemoryCreateTest, SizeMustBeWholePages) {
  EXPECT_THAT(std::string(GuestMemory::Create(0).status().message()), HasSubstr("0 bytes"));
  EXPECT_TRUE(absl::IsInvalidArgument(GuestMemory::Create(kPageSize + 1).status()));
  EXPECT_TRUE(GuestMemory::Create(kPageSize).ok());
}

TEST(GuestMemoryCreateTest, GuestsDoNotShareMemory) {
  const std::unique_ptr<GuestMemory> one = GuestMemory::Create(kPageSize).value();
  const std::unique_ptr<GuestMemory> other = GuestMemory::Create(kPageSize).value();
  ASSERT_TRUE(one->Write(GuestPhys(0), uint32_t{1}).ok());
  EXPECT_EQ(other->Read<uint32_t>(GuestPhys(0)).value(), 0u);
}

}  // namespace
}  // namespace lguest
