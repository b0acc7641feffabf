#include "launcher/timetravel/bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace lguest::timetravel {
namespace {

constexpr uint64_t kNumbers[] = {
    0, 1, 127, 128, 16383, 16384, uint64_t{1} << 63, std::numeric_limits<uint64_t>::max()};

TEST(BytesTest, NumbersAndStringsAreReadBack) {
  ByteWriter writer;
  for (const uint64_t number : kNumbers) writer.Number(number);
  writer.String("text");
  writer.String("");
  ByteReader reader(writer.bytes());
  for (const uint64_t number : kNumbers) EXPECT_EQ(reader.Number(), number);
  EXPECT_EQ(reader.String(), "text");
  EXPECT_EQ(reader.String(), "");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(BytesTest, SmallNumberTakesOneByte) {
  ByteWriter writer;
  writer.Number(127);
  EXPECT_EQ(writer.bytes().size(), 1u);
  writer.Number(128);
  EXPECT_EQ(writer.bytes().size(), 3u);
}

TEST(BytesTest, EndInTheMiddleFails) {
  for (const std::string bytes : {"", "\x80", "\x05text", "\x80\x80"}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.String(), "");
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.Number(), 0u);
  }
}

TEST(BytesTest, NumberAbove64BitsFails) {
  // The tenth byte has one bit of a 64-bit number.
  EXPECT_TRUE([] {
    ByteReader reader("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    return reader.Number() == std::numeric_limits<uint64_t>::max() && reader.ok();
  }());
  for (const char* const bytes : {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                  "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"}) {
    ByteReader reader(bytes);
    reader.Number();
    EXPECT_FALSE(reader.ok());
  }
}

TEST(BytesTest, NumberAboveItsLimitFails) {
  ByteWriter writer;
  writer.Number(7);
  writer.Number(8);
  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.Number(7), 7u);
  EXPECT_TRUE(reader.ok());
  reader.Number(7);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace lguest::timetravel
