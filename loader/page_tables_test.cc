#include "loader/page_tables.h"

#include <memory>
#include <optional>

#include "gtest/gtest.h"
#include "launcher/guest/abi.h"

namespace lguest::loader {
namespace {

constexpr uint32_t kPageOffset = 0xc0000000;

TEST(PageTablesTest, PageOffsetIsChecked_B30) {
  EXPECT_TRUE(CheckPageOffset(0).ok());
  EXPECT_TRUE(CheckPageOffset(kPageOffset).ok());
  EXPECT_TRUE(CheckPageOffset(0xff800000).ok());
  EXPECT_EQ(CheckPageOffset(0xc0001000).message(),
            "page offset 0xc0001000: a multiple of 0x400000 is needed");
  EXPECT_EQ(CheckPageOffset(0xffc00000).message(),
            "page offset 0xffc00000: addresses from 0xffc00000 on belong to the host");
}

TEST(PageTablesTest, MapsAllOfRam) {
  const PageTablePlan plan = SizePageTables(64u << 20, kPageOffset);
  EXPECT_EQ(plan.mapped_pages, 16384u);
  EXPECT_EQ(plan.table_count, 16u);
  EXPECT_EQ(SizePageTables((64u << 20) + kPageSize, kPageOffset).table_count, 17u);
}

TEST(PageTablesTest, PageOffsetZeroMapsAllOfRam_B30) {
  EXPECT_EQ(SizePageTables(64u << 20, 0).mapped_pages, 16384u);
}

TEST(PageTablesTest, StopsBelowTheHostArea) {
  EXPECT_EQ(SizePageTables(2048u << 20, kPageOffset).mapped_pages, (1020u << 20) / kPageSize);
  EXPECT_EQ(SizePageTables(2048u << 20, 0xff800000).table_count, 1u);
}

class WrittenPageTablesTest : public testing::Test {
 protected:
  static constexpr uint32_t kRam = (9u << 20) + kPageSize;  // two tables and one entry

  void Write(uint32_t page_offset) {
    plan_ = SizePageTables(kRam, page_offset);
    plan_.directory = GuestPhys(kRam - kPageSize);
    plan_.tables = GuestPhys(kRam - (plan_.table_count + 1) * kPageSize);
    ASSERT_TRUE(WritePageTables(*memory_, plan_).ok());
  }

  // Walks the page tables like a CPU; nullopt: page fault.
  std::optional<uint32_t> Translate(uint32_t address) {
    const uint32_t pde = Entry(plan_.directory.value(), address >> 22);
    if (pde == 0) return std::nullopt;
    EXPECT_EQ(pde % kPageSize, 7u);
    const uint32_t pte = Entry(PageAlignDown(pde), address >> 12 & 1023);
    if (pte == 0) return std::nullopt;
    EXPECT_EQ(pte % kPageSize, 7u);
    return PageAlignDown(pte) + address % kPageSize;
  }

  uint32_t Entry(uint32_t table, uint32_t index) {
    return *memory_->Read<uint32_t>(GuestPhys(table + 4 * index));
  }

  PageTablePlan plan_;
  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kRam);
};

TEST_F(WrittenPageTablesTest, MapRamAndNothingElse) {
  Write(kPageOffset);
  EXPECT_EQ(Translate(kPageOffset), 0u);
  EXPECT_EQ(Translate(kPageOffset + 0x123456), 0x123456u);
  EXPECT_EQ(Translate(kPageOffset + kRam - 1), kRam - 1);
  EXPECT_EQ(Translate(kPageOffset + kRam), std::nullopt);
  EXPECT_EQ(Translate(kPageOffset - 1), std::nullopt);
  EXPECT_EQ(Translate(0), std::nullopt);
  EXPECT_EQ(Translate(0x123456), std::nullopt);
}

TEST_F(WrittenPageTablesTest, AtPageOffsetZero_B30) {
  Write(0);
  EXPECT_EQ(Translate(0x123456), 0x123456u);
  EXPECT_EQ(Translate(kRam), std::nullopt);
}

TEST_F(WrittenPageTablesTest, HostDirectoryEntryStaysEmpty) {
  Write(0xff800000);
  EXPECT_EQ(Translate(0xffbfffff), 0x3fffffu);
  EXPECT_EQ(Entry(plan_.directory.value(), 1023), 0u);
}

TEST_F(WrittenPageTablesTest, TablesOutsideMemory_B29) {
  PageTablePlan plan = SizePageTables(kRam, kPageOffset);
  plan.tables = GuestPhys(0xfffff000);
  EXPECT_TRUE(absl::IsOutOfRange(WritePageTables(*memory_, plan)));
}

}  // namespace
}  // namespace lguest::loader
