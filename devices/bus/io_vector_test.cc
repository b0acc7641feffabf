#include "devices/bus/io_vector.h"

#include <array>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace lguest {
namespace {

std::string Text(const IoVector& vector) {
  std::string text;
  for (int i = 0; i < vector.count(); ++i) {
    const iovec& piece = vector.data()[i];
    text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    text += '|';
  }
  return text;
}

class IoVectorTest : public testing::Test {
 protected:
  std::string a_ = "abc";
  std::string b_ = "defg";
  const std::array<iovec, 2> pieces_ = {{{a_.data(), 3}, {b_.data(), 4}}};
};

TEST_F(IoVectorTest, StartsWithAllPieces) {
  const IoVector vector(pieces_);
  EXPECT_EQ(Text(vector), "abc|defg|");
}

TEST_F(IoVectorTest, AppendsToRemainingPieces) {
  std::string c = "hi";
  IoVector vector(pieces_);
  vector.Consume(4);
  vector.Append({c.data(), c.size()});
  EXPECT_EQ(Text(vector), "efg|hi|");
}

TEST_F(IoVectorTest, SourceListIsNotChanged) {
  IoVector vector(pieces_);
  vector.Consume(1);
  EXPECT_EQ(pieces_[0].iov_base, a_.data());
  EXPECT_EQ(pieces_[0].iov_len, a_.size());
}

TEST_F(IoVectorTest, MergesAdjacentPieces) {
  std::string text = "abcdefgh";
  const std::array<iovec, 5> pieces = {{{text.data(), 1},
                                        {text.data() + 1, 2},
                                        {text.data() + 4, 3},
                                        {text.data() + 3, 1},
                                        {text.data() + 4, 1}}};
  IoVector vector(pieces);
  vector.MergeAdjacent();
  EXPECT_EQ(Text(vector), "abc|efg|de|");
  vector.Consume(6);
  vector.MergeAdjacent();
  EXPECT_EQ(Text(vector), "de|");
  vector.Consume(2);
  vector.MergeAdjacent();
  EXPECT_TRUE(vector.empty());
}

TEST_F(IoVectorTest, ConsumeKeepsTheRest) {
  IoVector vector(pieces_);
  vector.Consume(0);
  EXPECT_EQ(Text(vector), "abc|defg|");
  vector.Consume(2);
  EXPECT_EQ(Text(vector), "c|defg|");
  vector.Consume(2);
  EXPECT_EQ(Text(vector), "efg|");
  vector.Consume(3);
  EXPECT_TRUE(vector.empty());
  vector.Consume(100);
  EXPECT_TRUE(vector.empty());
}

}  // namespace
}  // namespace lguest
