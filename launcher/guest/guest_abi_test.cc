// Tests of the rows (VIRTIO_ABI.md §1, §3, §4.3).

#include "launcher/guest/guest_abi.h"

#include <gtest/gtest.h>

#include "launcher/guest/abi.h"

namespace lguest {
namespace {

using Op = HypercallOp;

const GuestAbi& Row(const KernelVersion& version) {
  const GuestAbi* const row = FindGuestAbi(version);
  EXPECT_NE(row, nullptr) << version.ToString();
  return row == nullptr ? FirstGuestAbi() : *row;
}

TEST(GuestAbiTest, VersionsFindTheRowOfTheirGeneration) {
  struct Case {
    KernelVersion version;
    KernelVersion first;
  };
  const Case cases[] = {
      {{2, 6, 23}, {2, 6, 23}}, {{2, 6, 24}, {2, 6, 24}}, {{2, 6, 26}, {2, 6, 25}},
      {{2, 6, 29}, {2, 6, 27}}, {{2, 6, 30}, {2, 6, 30}}, {{2, 6, 39}, {2, 6, 31}},
      {{3, 0, 0}, {2, 6, 31}},  {{3, 10, 4}, {3, 1, 0}},  {{3, 19, 0}, {3, 1, 0}},
      {{4, 0, 9}, {4, 0, 0}},   {{4, 1, 0}, {4, 1, 0}},   {{4, 11, 12}, {4, 1, 0}},
      {{4, 12, 0}, {4, 12, 0}}, {{4, 13, 4}, {4, 12, 0}},
  };
  for (const Case& c : cases) EXPECT_EQ(Row(c.version).first, c.first) << c.version.ToString();
}

TEST(GuestAbiTest, KernelsWithoutLguestHaveNoRow) {
  EXPECT_EQ(FindGuestAbi({2, 6, 22}), nullptr);
  EXPECT_EQ(FindGuestAbi({4, 14, 0}), nullptr);
  EXPECT_EQ(FindGuestAbi({}), nullptr);
}

TEST(GuestAbiTest, FirstRowHasTheNumbersOf2623) {
  const GuestAbi& row = FirstGuestAbi();
  EXPECT_FALSE(row.is_virtio());
  EXPECT_EQ(row.data.size, sizeof(LguestData));
  EXPECT_EQ(row.data.guestid, 1112u);
  EXPECT_EQ(row.calls[static_cast<uint32_t>(Hypercall::kSendDma)], Op::kSendDma);
  EXPECT_EQ(row.calls[static_cast<uint32_t>(Hypercall::kLoadTls)], Op::kLoadTls);
}

TEST(GuestAbiTest, NumbersChangeTheirMeaning) {
  EXPECT_EQ(Row({2, 6, 24}).calls[2], Op::kCrash);
  EXPECT_EQ(Row({2, 6, 25}).calls[2], Op::kShutdown);
  EXPECT_EQ(Row({2, 6, 24}).calls[13], Op::kNone);
  EXPECT_EQ(Row({2, 6, 31}).calls[13], Op::kSetMiddleEntry);
  EXPECT_EQ(Row({2, 6, 29}).calls[3], Op::kLoadGdt);
  EXPECT_EQ(Row({2, 6, 30}).calls[3], Op::kNone);
  EXPECT_EQ(Row({2, 6, 30}).calls[18], Op::kLoadGdtEntry);
  EXPECT_EQ(Row({3, 19, 0}).calls[17], Op::kNotify);
  EXPECT_EQ(Row({4, 0, 0}).calls[17], Op::kNone);
  EXPECT_EQ(Row({4, 11, 0}).calls[8], Op::kTs);
  EXPECT_EQ(Row({4, 12, 0}).calls[8], Op::kNone);
}

TEST(GuestAbiTest, ArgumentsOfTheRingHaveTheirOrder) {
  EXPECT_EQ(FirstGuestAbi().data.ring_arguments[0], 1);
  EXPECT_EQ(Row({2, 6, 24}).data.ring_arguments[0], 3);
  EXPECT_EQ(Row({2, 6, 30}).data.ring_arguments[0], 1);
  EXPECT_EQ(Row({2, 6, 30}).data.ring_entry_size, 16u);
  EXPECT_EQ(Row({3, 10, 0}).data.ring_arguments[3], 4);
  EXPECT_EQ(Row({3, 10, 0}).data.ring_entry_size, 20u);
}

TEST(GuestAbiTest, NoirqIsAWindowOrAnAddress) {
  EXPECT_NE(Row({4, 0, 0}).data.noirq_end, 0u);
  EXPECT_EQ(Row({4, 0, 0}).data.noirq_iret, 0u);
  EXPECT_EQ(Row({4, 1, 0}).data.noirq_end, 0u);
  EXPECT_EQ(Row({4, 1, 0}).data.noirq_iret, 1376u);
}

TEST(KernelVersionTest, TextOmitsAPatchOfZero) {
  EXPECT_EQ((KernelVersion{2, 6, 31}).ToString(), "2.6.31");
  EXPECT_EQ((KernelVersion{4, 13, 0}).ToString(), "4.13");
}

}  // namespace
}  // namespace lguest
