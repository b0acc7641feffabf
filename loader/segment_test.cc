#include "loader/segment.h"

#include <memory>

#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;

constexpr uint32_t kMemory = 16 * kPageSize;

class SegmentTest : public testing::Test {
 protected:
  // Places `segment` and returns all of guest memory.
  Bytes Place(const Segment& segment) {
    EXPECT_TRUE(PlaceSegment(*memory_, segment, image_).ok());
    Bytes all(kMemory);
    EXPECT_TRUE(memory_->ReadBytes(GuestPhys(0), all).ok());
    return all;
  }

  static Segment At(uint32_t address, uint64_t file_offset, uint32_t file_size) {
    Segment segment;
    segment.address = GuestPhys(address);
    segment.file_offset = file_offset;
    segment.file_size = file_size;
    segment.memory_size = 2 * file_size;
    return segment;
  }

  // Guest memory that is zero except for `size` bytes of the file.
  Bytes Expected(uint32_t address, size_t file_offset, size_t size) {
    Bytes all(kMemory);
    testdata::Put(all, address, std::span(image_).subspan(file_offset, size));
    return all;
  }

  const Bytes image_ = testdata::Noise(size_t{5} * kPageSize + 77, 1);
  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kMemory);
};

TEST_F(SegmentTest, WholePages) {
  EXPECT_EQ(Place(At(0x2000, 0x1000, 0x3000)), Expected(0x2000, 0x1000, 0x3000));
}

TEST_F(SegmentTest, BytesAfterTheSegmentAreZero_B14) {
  EXPECT_EQ(Place(At(0x2000, 0x1000, 0x1234)), Expected(0x2000, 0x1000, 0x1234));
}

TEST_F(SegmentTest, EqualOffsetsInPage) {
  EXPECT_EQ(Place(At(0x2345, 0x1345, 0x2800)), Expected(0x2345, 0x1345, 0x2800));
}

TEST_F(SegmentTest, DifferentOffsetsInPage_B13) {
  EXPECT_EQ(Place(At(0x2345, 0x1344, 0x2800)), Expected(0x2345, 0x1344, 0x2800));
}

TEST_F(SegmentTest, LessThanAPage) {
  EXPECT_EQ(Place(At(0x2345, 0x1345, 0x10)), Expected(0x2345, 0x1345, 0x10));
}

TEST_F(SegmentTest, OnlyZeroes_B13) { EXPECT_EQ(Place(At(0x2000, 0, 0)), Bytes(kMemory)); }

TEST_F(SegmentTest, EndOfFile) {
  EXPECT_EQ(Place(At(0x2000, 0x4000, 0x1000 + 77)), Expected(0x2000, 0x4000, 0x1000 + 77));
}

TEST_F(SegmentTest, SegmentsMayShareAPage) {
  Place(At(0x3100, 0x2100, 0x100));
  Bytes expected = Expected(0x3100, 0x2100, 0x100);
  testdata::Put(expected, 0x2000, std::span(image_).subspan(0x1000, 0x1080));
  EXPECT_EQ(Place(At(0x2000, 0x1000, 0x1080)), expected);
}

}  // namespace
}  // namespace lguest::loader
