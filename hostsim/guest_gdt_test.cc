#include "hostsim/guest_gdt.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"

namespace lguest::hostsim {
namespace {

constexpr uint64_t kFlatDataRing0 = 0x00cf92000000ffff;  // not accessed
constexpr uint64_t kFlatDataRing1 = 0x00cfb3000000ffff;
constexpr uint64_t kFlatDataRing3 = 0x00cff3000000ffff;
constexpr GuestPhys kTable(0x100);

class GuestGdtTest : public ::testing::Test {
 protected:
  absl::Status Load(const std::vector<uint64_t>& descriptors) {
    for (uint32_t i = 0; i < descriptors.size(); ++i) {
      EXPECT_TRUE(memory_->Write(GuestPhys(kTable.value() + 8 * i), descriptors[i]).ok());
    }
    return segments_.Load(*memory_, kTable, static_cast<uint32_t>(descriptors.size()));
  }

  std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(kPageSize).value();
  GuestGdt segments_;
};

TEST_F(GuestGdtTest, BootStateHasFlatRing1Segments) {
  EXPECT_EQ(segments_.descriptors()[12], 0x00cfbb000000ffffu);
  EXPECT_EQ(segments_.descriptors()[13], kFlatDataRing1);
  EXPECT_EQ(segments_.descriptors()[0], 0u);
  EXPECT_TRUE(segments_.IsRing1Code(kGuestKernelCs));
  EXPECT_TRUE(segments_.IsRing1Stack(kGuestKernelDs));
}

TEST_F(GuestGdtTest, Ring0BecomesRing1AndRing3Stays) {
  ASSERT_TRUE(Load({kFlatDataRing0, kFlatDataRing3}).ok());
  EXPECT_EQ(segments_.descriptors()[0], kFlatDataRing1);
  EXPECT_EQ(segments_.descriptors()[1], kFlatDataRing3);
}

TEST_F(GuestGdtTest, ReservedEntriesAreNotReplaced) {
  ASSERT_TRUE(Load(std::vector<uint64_t>(kGdtEntries, kFlatDataRing3)).ok());
  for (const uint32_t entry : {10u, 11u, 16u, 31u}) EXPECT_EQ(segments_.descriptors()[entry], 0u);
  EXPECT_EQ(segments_.descriptors()[30], kFlatDataRing3);
}

// A guest could use a call gate, or a TSS with chosen EFLAGS, to change its privilege level.
TEST_F(GuestGdtTest, GatesAndSystemSegmentsAreDropped) {
  ASSERT_TRUE(Load({0x0000ec0000610000, 0x0000e90000000067, 0x0000e20000000fff}).ok());
  for (const uint32_t entry : {0u, 1u, 2u}) EXPECT_EQ(segments_.descriptors()[entry], 0u);
}

TEST_F(GuestGdtTest, LoadTlsReplacesThreeEntries) {
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(memory_->Write(GuestPhys(kTable.value() + 8 * i), kFlatDataRing3 + i).ok());
  }
  ASSERT_TRUE(segments_.LoadTls(*memory_, kTable).ok());
  EXPECT_EQ(segments_.descriptors()[5], 0u);
  EXPECT_EQ(segments_.descriptors()[6], kFlatDataRing3);
  EXPECT_EQ(segments_.descriptors()[8], kFlatDataRing3 + 2);
  EXPECT_EQ(segments_.descriptors()[9], 0u);
}

TEST_F(GuestGdtTest, InvalidTableChangesNothing) {
  EXPECT_TRUE(absl::IsAborted(segments_.Load(*memory_, GuestPhys(kPageSize - 8), 2)));
  EXPECT_TRUE(absl::IsAborted(segments_.Load(*memory_, kTable, kGdtEntries + 1)));
  EXPECT_TRUE(segments_.IsRing1Code(kGuestKernelCs));
}

TEST_F(GuestGdtTest, StackNeedsWritableRing1Data) {
  ASSERT_TRUE(Load({0, kFlatDataRing3, 0x00cfb1000000ffff /* read-only */,
                    0x00cf33000000ffff /* absent */, kFlatDataRing1})
                  .ok());
  EXPECT_FALSE(segments_.IsRing1Stack(0x01));
  EXPECT_FALSE(segments_.IsRing1Stack(0x09));
  EXPECT_FALSE(segments_.IsRing1Stack(0x11));
  EXPECT_FALSE(segments_.IsRing1Stack(0x19));
  EXPECT_TRUE(segments_.IsRing1Stack(0x21));
  EXPECT_FALSE(segments_.IsRing1Stack(0x23)) << "RPL 3";
  EXPECT_FALSE(segments_.IsRing1Stack(0x25)) << "an LDT selector";
  EXPECT_FALSE(segments_.IsRing1Stack(0xfff9)) << "beyond the limit";
}

}  // namespace
}  // namespace lguest::hostsim
