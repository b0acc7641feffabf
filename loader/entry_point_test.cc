#include "loader/entry_point.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

constexpr uint32_t kPageOffset = 0xc0000000;

class EntryPointTest : public testing::Test {
 protected:
  void PutMagic(uint32_t address) {
    ASSERT_TRUE(
        memory_->WriteBytes(GuestPhys(address), testdata::FromString(std::string(kEntryMagic)))
            .ok());
  }

  absl::StatusOr<GuestVirt> Find(const std::vector<GuestRange>& ranges) {
    return FindEntryPoint(*memory_, ranges, kPageOffset, "vmlinux");
  }

  static GuestRange Range(uint32_t address, uint32_t size) { return {GuestPhys(address), size}; }

  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(16 * kPageSize);
};

TEST_F(EntryPointTest, FollowsTheMagic) {
  PutMagic(0x2345);
  const auto entry = Find({Range(0x1000, 0x3000)});
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(*entry, GuestVirt(kPageOffset + 0x2345 + 13));
}

TEST_F(EntryPointTest, GapsAreNotSearched_B16) {
  PutMagic(0x2800);
  EXPECT_FALSE(Find({Range(0x1000, 0x1000), Range(0x3000, 0x1000)}).ok());
}

TEST_F(EntryPointTest, MagicAcrossTwoRangesIsIgnored_B16) {
  PutMagic(0x1ffa);
  EXPECT_FALSE(Find({Range(0x1000, 0x1000), Range(0x2000, 0x1000)}).ok());
}

TEST_F(EntryPointTest, EntryMustBeInsideTheRange_B16) {
  PutMagic(0x2000 - 13);
  EXPECT_FALSE(Find({Range(0x1000, 0x1000)}).ok());
  EXPECT_TRUE(Find({Range(0x1000, 0x1001)}).ok());
}

TEST_F(EntryPointTest, FirstRangeIsUsed_B16) {
  PutMagic(0x1100);
  PutMagic(0x2100);
  EXPECT_EQ(*Find({Range(0x2000, 0x1000), Range(0x1000, 0x1000)}),
            GuestVirt(kPageOffset + 0x2100 + 13));
}

TEST_F(EntryPointTest, InvalidRangesAreSkipped) {
  PutMagic(0x2000);
  EXPECT_TRUE(Find({Range(0xf000, 0x1001), Range(0xffffffff, 0xffffffff), Range(0x1000, 0),
                    Range(0x1000, 13), Range(0x2000, 0x100)})
                  .ok());
}

TEST_F(EntryPointTest, BeyondTheAddressSpace) {
  PutMagic(0x2000);
  const std::vector<GuestRange> ranges = {Range(0x1000, 0x2000)};
  const auto entry = FindEntryPoint(*memory_, ranges, 0xffffe000, "vmlinux");
  EXPECT_EQ(entry.status().message(),
            "vmlinux: entry point at physical address 0x200d and page offset 0xffffe000: beyond "
            "4 GB");
}

TEST_F(EntryPointTest, NoMagicNamesTheFile_B16) {
  const auto entry = Find({Range(0x1000, 0x1000)});
  EXPECT_TRUE(absl::IsInvalidArgument(entry.status()));
  EXPECT_THAT(std::string(entry.status().message()),
              testing::StartsWith("vmlinux: no GenuineLguest entry"));
}

}  // namespace
}  // namespace lguest::loader
