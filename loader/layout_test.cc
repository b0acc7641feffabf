#include "loader/layout.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lguest::loader {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr uint32_t kMegabyte = 1u << 20;
constexpr uint32_t kPageOffset = 0xc0000000;

LayoutRequest Request(uint32_t ram_size, uint64_t kernel_size, uint64_t initrd_size) {
  LayoutRequest request;
  request.ram_size = ram_size;
  request.kernel = {{"vmlinux", kMegabyte, kernel_size}};
  request.initrd = {"initrd", 0, initrd_size};
  request.page_offset = kPageOffset;
  return request;
}

std::string Message(const LayoutRequest& request) {
  return std::string(PlanLayout(request).status().message());
}

TEST(LayoutTest, TopPartsAreInitrdDirectoryTables) {
  const auto layout = PlanLayout(Request(16 * kMegabyte, kMegabyte, 5000));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->initrd, GuestPhys(16 * kMegabyte - 2 * kPageSize));
  EXPECT_EQ(layout->page_tables.directory, GuestPhys(16 * kMegabyte - 3 * kPageSize));
  EXPECT_EQ(layout->page_tables.tables, GuestPhys(16 * kMegabyte - 7 * kPageSize));
}

TEST(LayoutTest, AdjacentPartsDoNotOverlap) {
  const uint32_t tables = 5 * kPageSize;
  const uint32_t initrd = 2 * kPageSize;
  const uint32_t kernel = 16 * kMegabyte - tables - initrd - kMegabyte;
  EXPECT_TRUE(PlanLayout(Request(16 * kMegabyte, kernel, initrd)).ok());
  const LayoutRequest request = Request(16 * kMegabyte, kernel + 1, initrd);
  EXPECT_TRUE(absl::IsOutOfRange(PlanLayout(request).status()));
  EXPECT_EQ(Message(request),
            "vmlinux (0x100000 to 0xff9001) and page tables (0xff9000 to 0xffe000) overlap in "
            "16 MB of memory: at least 17 MB are needed");
}

TEST(LayoutTest, InitrdLargerThanMemory_B27) {
  EXPECT_EQ(Message(Request(16 * kMegabyte, kMegabyte, 32 * kMegabyte)),
            "initrd (33554432 bytes) and page tables (20480 bytes) do not fit into 16 MB of "
            "memory: at least 35 MB are needed");
}

TEST(LayoutTest, InitrdLargerThanAnyMemory_B27) {
  const LayoutRequest request = Request(16 * kMegabyte, kMegabyte, uint64_t{1} << 40);
  EXPECT_TRUE(absl::IsInvalidArgument(PlanLayout(request).status()));
  EXPECT_THAT(Message(request), EndsWith("16 MB of memory, and no memory size is large enough"));
}

TEST(LayoutTest, InitrdOverKernel_B27) {
  EXPECT_EQ(Message(Request(16 * kMegabyte, 10 * kMegabyte, 8 * kMegabyte)),
            "vmlinux (0x100000 to 0xb00000) and initrd (0x800000 to 0x1000000) overlap in 16 MB "
            "of memory: at least 20 MB are needed");
}

TEST(LayoutTest, MemoryTooSmallForThePageTables_B29) {
  EXPECT_EQ(Message(Request(kPageSize, 1, 0)),
            "page tables do not fit into 4 KB of memory: at least 2 MB are needed");
}

TEST(LayoutTest, KernelBeyondMemory_B12) {
  EXPECT_EQ(Message(Request(16 * kMegabyte, 16 * kMegabyte, 0)),
            "vmlinux (0x100000 to 0x1100000) does not fit into 16 MB of memory: at least 18 MB "
            "are needed");
}

TEST(LayoutTest, KernelBeyondTheMappedRange) {
  LayoutRequest request = Request(64 * kMegabyte, 8 * kMegabyte, 0);
  request.page_offset = 0xff800000;
  EXPECT_TRUE(absl::IsInvalidArgument(PlanLayout(request).status()));
  EXPECT_EQ(Message(request),
            "vmlinux (0x100000 to 0x900000) lies beyond the 0x400000 bytes that page offset "
            "0xff800000 leaves to be mapped");
}

// Where the initrd ends. The memory is mapped as far as the page offset allows.
uint32_t EndOfInitrd(uint32_t megabytes, uint32_t page_offset, uint64_t initrd_size) {
  LayoutRequest request = Request(megabytes * kMegabyte, kMegabyte, initrd_size);
  request.page_offset = page_offset;
  const auto layout = PlanLayout(request);
  EXPECT_TRUE(layout.ok()) << layout.status();
  return layout->initrd.value() + static_cast<uint32_t>(PageAlignUp(initrd_size));
}

TEST(LayoutTest, InitrdEndsAtTheTopOfSmallMemory) {
  EXPECT_EQ(EndOfInitrd(64, kPageOffset, kMegabyte), 64 * kMegabyte);
  EXPECT_EQ(EndOfInitrd(512, kPageOffset, kMegabyte), 512 * kMegabyte);
}

TEST(LayoutTest, InitrdLiesInTheLinearMapOfLinux_F6) {
  for (const uint32_t megabytes : {513, 892, 893, 1024, 2000, 2944}) {
    EXPECT_EQ(EndOfInitrd(megabytes, kPageOffset, kMegabyte), 512 * kMegabyte) << megabytes;
  }
  EXPECT_EQ(EndOfInitrd(2944, 0x80000000, kMegabyte), 1536 * kMegabyte);
  EXPECT_EQ(EndOfInitrd(2944, 0x40000000, kMegabyte), 2560 * kMegabyte);
}

TEST(LayoutTest, LargeInitrdEndsBelowTheVmallocArea_F6) {
  EXPECT_EQ(EndOfInitrd(892, kPageOffset, 600ull * kMegabyte), 892 * kMegabyte);
  EXPECT_EQ(EndOfInitrd(2000, kPageOffset, 600ull * kMegabyte), 892 * kMegabyte);
}

TEST(LayoutTest, InitrdOfASmallLinearMapEndsAtItsTop_F6) {
  EXPECT_EQ(EndOfInitrd(64, 0xfe000000, kMegabyte), 28 * kMegabyte);
}

TEST(LayoutTest, InitrdLargerThanTheLinearMap_F6) {
  LayoutRequest request = Request(64 * kMegabyte, kMegabyte, 10 * kMegabyte);
  request.page_offset = 0xff800000;
  EXPECT_TRUE(absl::IsInvalidArgument(PlanLayout(request).status()));
  EXPECT_EQ(Message(request),
            "initrd (10485760 bytes) lies beyond the 0x400000 bytes that page offset 0xff800000 "
            "leaves to be mapped");
}

TEST(LayoutTest, AreaForVmallocIsKeptIfTheRestJustFits_F6) {
  // 508 MB + 2 MB for what is below the initrd, the initrd, and one page table and the directory.
  LayoutRequest request = Request(8 * kMegabyte, kMegabyte, 2 * kMegabyte - 2 * kPageSize);
  request.page_offset = 0u - 516 * kMegabyte;
  request.ram_size = 4 * kMegabyte;
  EXPECT_EQ(PlanLayout(request)->initrd.value() + request.initrd.size, 4 * kMegabyte);
  request.ram_size = 5 * kMegabyte;
  request.initrd.size -= kPageSize;  // for a second page table
  EXPECT_EQ(PlanLayout(request)->initrd.value() + request.initrd.size, 4 * kMegabyte);
  request.initrd.size += kPageSize;
  EXPECT_EQ(PlanLayout(request)->initrd.value() + request.initrd.size, 5 * kMegabyte);
}

TEST(LayoutTest, EmptyPartOfTheKernelMayLieAnywhere) {
  LayoutRequest request = Request(16 * kMegabyte, kMegabyte, 0);
  request.kernel.push_back({"vmlinux segment 1", kPageSize / 2, 0});
  EXPECT_TRUE(PlanLayout(request).ok()) << Message(request);
}

TEST(LayoutTest, CommandLineUnderKernel_B31) {
  LayoutRequest request = Request(16 * kMegabyte, kMegabyte, 0);
  request.kernel[0].start = 0x17ff;
  EXPECT_TRUE(absl::IsInvalidArgument(PlanLayout(request).status()));
  EXPECT_THAT(Message(request), HasSubstr("command line (0x1000 to 0x1800) and vmlinux (0x17ff"));
  request.kernel[0].start = 0x1800;
  EXPECT_TRUE(PlanLayout(request).ok());
}

TEST(LayoutTest, AdvisedSizeIsTheSmallest) {
  for (const uint64_t kernel : {uint64_t{1}, uint64_t{3} << 20, uint64_t{1000} << 20}) {
    for (const uint64_t initrd : {uint64_t{0}, uint64_t{1}, uint64_t{255} << 20}) {
      std::string message = Message(Request(kMegabyte, kernel, initrd));
      const size_t at = message.find("at least ");
      ASSERT_NE(at, std::string::npos) << message;
      const auto advised = static_cast<uint32_t>(std::stoul(message.substr(at + 9)));
      LayoutRequest request = Request(advised * kMegabyte, kernel, initrd);
      request.page_offset = 0x40000000;
      EXPECT_TRUE(PlanLayout(request).ok()) << message;
      request.ram_size -= kMegabyte;
      EXPECT_FALSE(PlanLayout(request).ok()) << message;
    }
  }
}

TEST(LayoutTest, KernelLimitHoldsWhereTheInitrdIsAtTheTop) {
  for (const uint32_t ram : {2 * kMegabyte, 64 * kMegabyte, 512 * kMegabyte}) {
    const auto limit = KernelLimit(ram, {"initrd", 0, 123456});
    ASSERT_TRUE(limit.ok()) << limit.status();
    for (const uint32_t page_offset : {0u, 0x40000000u, 0xc0000000u}) {
      LayoutRequest request = Request(ram, 1, 123456);
      request.page_offset = page_offset;
      const auto layout = PlanLayout(request);
      ASSERT_TRUE(layout.ok()) << layout.status();
      EXPECT_LE(*limit, layout->page_tables.tables.value());
    }
  }
}

}  // namespace
}  // namespace lguest::loader
