#include "loader/elf_image.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/elf_builder.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testdata::ElfBuilder;
using testdata::ElfSegment;
using testing::HasSubstr;

constexpr uint32_t kPageOffset = 0xc0000000;

ElfSegment SegmentAt(uint32_t physical, uint32_t page_offset, size_t size) {
  ElfSegment segment;
  segment.virtual_address = physical + page_offset;
  segment.physical_address = physical;
  segment.data = Bytes(size);
  return segment;
}

TEST(ElfImageTest, ReadsSegments) {
  ElfSegment code = SegmentAt(0x100000, kPageOffset, 0x2000);
  ElfSegment data = SegmentAt(0x200000, kPageOffset, 0x10);
  data.flags = PF_R | PF_W;
  data.memory_size = 0x1000;
  ElfSegment note = SegmentAt(0, 0, 8);
  note.type = PT_NOTE;
  const Bytes file = ElfBuilder().Segment(code).Segment(note).Segment(data).Build();
  const auto elf = ParseElf(file, "vmlinux");
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->page_offset, kPageOffset);
  ASSERT_EQ(elf->segments.size(), 2u);
  EXPECT_EQ(elf->segments[0].address, GuestPhys(0x100000));
  EXPECT_EQ(elf->segments[0].file_offset, 0x1000u);
  EXPECT_EQ(elf->segments[0].file_size, 0x2000u);
  EXPECT_TRUE(elf->segments[0].executable);
  EXPECT_EQ(elf->segments[1].number, 2u);
  EXPECT_EQ(elf->segments[1].memory_size, 0x1000u);
  EXPECT_FALSE(elf->segments[1].executable);
}

TEST(ElfImageTest, PageOffsetZeroIsCompared_B15) {
  const Bytes file = ElfBuilder()
                         .Segment(SegmentAt(0x100000, 0, 16))
                         .Segment(SegmentAt(0x200000, kPageOffset, 16))
                         .Build();
  EXPECT_THAT(std::string(ParseElf(file, "vmlinux").status().message()),
              HasSubstr("segment 1: virtual minus physical address is 0xc0000000, but 0 in"));
}

TEST(ElfImageTest, EmptyFileRangeMayHaveAnyOffset_B13) {
  ElfSegment bss = SegmentAt(0x200000, kPageOffset, 0);
  bss.file_offset = 0xfffffff0;
  bss.memory_size = 0x1000;
  const auto elf = ParseElf(ElfBuilder().Segment(bss).Build(), "vmlinux");
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->segments[0].file_offset, 0u);
}

TEST(ElfImageTest, DataMayEndWithTheFile) {
  ElfSegment segment = SegmentAt(0x100000, kPageOffset, 0x1000);
  const Bytes file = ElfBuilder().Segment(segment).Build();
  EXPECT_TRUE(ParseElf(file, "vmlinux").ok());
  const Bytes cut(file.begin(), file.end() - 1);
  EXPECT_THAT(std::string(ParseElf(cut, "vmlinux").status().message()),
              HasSubstr("its data ends at byte"));
}

TEST(ElfImageTest, EmptySegmentsAreSkipped) {
  const Bytes file = ElfBuilder()
                         .Segment(SegmentAt(0x300000, 0x12345000, 0))
                         .Segment(SegmentAt(0x100000, kPageOffset, 16))
                         .Build();
  const auto elf = ParseElf(file, "vmlinux");
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->segments.size(), 1u);
}

TEST(ElfImageTest, SegmentMayEndAt4GB) {
  ElfSegment segment = SegmentAt(0xfffff000, 0xc0000000, 0x1000);
  EXPECT_TRUE(ParseElf(ElfBuilder().Segment(segment).Build(), "vmlinux").ok());
}

TEST(ElfImageTest, BootCodeThenCodeThenData_B16) {
  ElfSegment data = SegmentAt(0x100000, kPageOffset, 0x100);
  data.flags = PF_R | PF_W;
  const Bytes file =
      ElfBuilder()
          .Segment(data)
          .Segment(SegmentAt(0x200000, kPageOffset, 0x2000))
          .Section({.name = ".text", .address = kPageOffset + 0x200000, .size = 0x1000})
          .Section({.name = ".init.text", .address = kPageOffset + 0x201000, .size = 0x800})
          .Build();
  const auto elf = ParseElf(file, "vmlinux");
  ASSERT_TRUE(elf.ok()) << elf.status();
  const std::vector<GuestRange> ranges = LoadedRanges(*elf);
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0].address, GuestPhys(0x201000));
  EXPECT_EQ(ranges[0].size, 0x800u);
  EXPECT_EQ(ranges[1].address, GuestPhys(0x200000));
  EXPECT_EQ(ranges[2].address, GuestPhys(0x100000));
}

TEST(ElfImageTest, BootCodeOutsideSegmentsIsSkipped_B16) {
  const Bytes file =
      ElfBuilder()
          .Segment(SegmentAt(0x200000, kPageOffset, 0x1000))
          .Section({.name = ".init.text", .address = kPageOffset + 0x200800, .size = 0x801})
          .Section({.name = ".init.text", .address = kPageOffset + 0x1ff000, .size = 0x2000})
          .Section({.name = ".init.text", .address = 0xffffffff, .size = 0xffffffff})
          .Build();
  const auto elf = ParseElf(file, "vmlinux");
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_TRUE(elf->boot_code.empty());
}

TEST(ElfImageTest, BootCodeMayEndWithItsSegment) {
  const Bytes file =
      ElfBuilder()
          .Segment(SegmentAt(0x200000, kPageOffset, 0x1000))
          .Section({.name = ".init.text", .address = kPageOffset + 0x200800, .size = 0x800})
          .Build();
  const auto elf = ParseElf(file, "vmlinux");
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->boot_code.size(), 1u);
}

TEST(ElfImageTest, EveryTruncationIsRefusedOrHarmless) {
  const Bytes file = testdata::GoodKernel()
                         .Section({.name = ".init.text", .address = 0xc0100000, .size = 0x80})
                         .Build();
  for (size_t size = 0; size < file.size(); ++size) {
    // A copy of the exact size, so that a sanitizer detects a read past the end.
    const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    const auto elf = ParseElf(cut, "vmlinux");
    if (!elf.ok()) continue;
    EXPECT_LE(elf->segments[0].file_offset + elf->segments[0].file_size, size);
  }
}

}  // namespace
}  // namespace lguest::loader
