#include "loader/gzip_reader.h"

#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using State = GzipReader::State;

class GzipReaderTest : public testing::Test {
 protected:
  const Bytes original_ = testdata::KernelCode(100000, 0xc0000000, 50000);
  Bytes packed_ = testdata::Gzip(original_);
  GzipReader reader_;
};

TEST_F(GzipReaderTest, OutputOfExactlyTheRightSize) {
  Bytes out(original_.size());
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(out), State::kDone);
  EXPECT_EQ(out, original_);
  EXPECT_EQ(reader_.consumed(), packed_.size());
  EXPECT_EQ(reader_.produced(), original_.size());
}

TEST_F(GzipReaderTest, OutputInPieces) {
  Bytes out(original_.size());
  const std::span<std::byte> all(out);
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(all.first(4)), State::kMore);
  EXPECT_EQ(reader_.Read(all.subspan(4, 70000)), State::kMore);
  EXPECT_EQ(reader_.Read(all.subspan(70004)), State::kDone);
  EXPECT_EQ(out, original_);
}

TEST_F(GzipReaderTest, FullOutputIsNotDone_B18) {
  Bytes out(original_.size() - 1);
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(out), State::kMore);
  EXPECT_EQ(reader_.produced(), out.size());
  EXPECT_EQ(reader_.Read({}), State::kMore);
}

TEST_F(GzipReaderTest, EveryTruncationIsAnError_B19) {
  Bytes out(original_.size() + 1);
  for (size_t size = 0; size < packed_.size(); ++size) {
    reader_.Start(std::span(packed_).first(size));
    EXPECT_EQ(reader_.Read(out), State::kBad) << size;
    EXPECT_STREQ(reader_.error(), "truncated");
  }
}

TEST_F(GzipReaderTest, ChecksumAndLengthAreChecked_B19) {
  Bytes out(original_.size() + 1);
  packed_[packed_.size() - 5] ^= std::byte{1};
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(out), State::kBad);
  EXPECT_STREQ(reader_.error(), "incorrect data check");
  packed_[packed_.size() - 5] ^= std::byte{1};
  packed_[packed_.size() - 1] ^= std::byte{1};
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(out), State::kBad);
  EXPECT_STREQ(reader_.error(), "incorrect length check");
}

TEST_F(GzipReaderTest, TrailingBytesAreIgnored) {
  const size_t size = packed_.size();
  testdata::Append(packed_, testdata::Noise(1000, 1));
  Bytes out(original_.size() + 1);
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(out), State::kDone);
  EXPECT_EQ(reader_.consumed(), size);
}

TEST_F(GzipReaderTest, RestartsAfterAnError_B21) {
  Bytes out(original_.size());
  reader_.Start(testdata::FromString("\x1f\x8b\x08 this is no gzip member"));
  EXPECT_EQ(reader_.Read(out), State::kBad);
  reader_.Start(packed_);
  EXPECT_EQ(reader_.Read(out), State::kDone);
  EXPECT_EQ(out, original_);
}

}  // namespace
}  // namespace lguest::loader
