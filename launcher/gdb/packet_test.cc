#include "launcher/gdb/packet.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace lguest::gdb {
namespace {

using Event = PacketReader::Event;

TEST(PacketTest, EncodedPacketIsReadBack) {
  PacketReader reader;
  reader.Append(EncodePacket("g"));
  reader.Append(EncodePacket(""));
  EXPECT_EQ(reader.Next(), Event::kPacket);
  EXPECT_EQ(reader.body(), "g");
  EXPECT_EQ(reader.Next(), Event::kPacket);
  EXPECT_EQ(reader.body(), "");
  EXPECT_EQ(reader.Next(), Event::kNone);
}

TEST(PacketTest, ChecksumIsTwoDigits) {
  EXPECT_EQ(EncodePacket("OK"), "$OK#9a");
  EXPECT_EQ(EncodePacket(""), "$#00");
}

TEST(PacketTest, PacketMayComeInPieces) {
  PacketReader reader;
  for (const char c : EncodePacket("m0,4")) {
    EXPECT_EQ(reader.Next(), Event::kNone);
    reader.Append(std::string(1, c));
  }
  EXPECT_EQ(reader.Next(), Event::kPacket);
  EXPECT_EQ(reader.body(), "m0,4");
}

TEST(PacketTest, WrongChecksumIsBroken) {
  for (const std::string_view bytes : {"$OK#00", "$OK#zz", "$#01"}) {
    PacketReader reader;
    reader.Append(bytes);
    EXPECT_EQ(reader.Next(), Event::kBroken) << bytes;
    reader.Append(EncodePacket("g"));
    EXPECT_EQ(reader.Next(), Event::kPacket);
  }
}

TEST(PacketTest, InterruptAndGarbageBetweenPackets) {
  PacketReader reader;
  reader.Append("+-garbage\x03");
  EXPECT_EQ(reader.Next(), Event::kInterrupt);
  reader.Append("++" + EncodePacket("?"));
  EXPECT_EQ(reader.Next(), Event::kPacket);
}

TEST(PacketTest, EndlessPacketIsDropped) {
  PacketReader reader;
  reader.Append("$" + std::string(PacketReader::kMaxBody, 'x'));
  EXPECT_EQ(reader.Next(), Event::kBroken);
  reader.Append(EncodePacket("g"));
  EXPECT_EQ(reader.Next(), Event::kPacket);
  reader.Append(EncodePacket(std::string(PacketReader::kMaxBody + 1, 'x')));
  EXPECT_EQ(reader.Next(), Event::kBroken);
}

TEST(PacketTest, Hexadecimal) {
  EXPECT_EQ(FromHex("00ffA0"), std::string("\0\xff\xa0", 3));
  EXPECT_EQ(FromHex("0"), std::nullopt);
  EXPECT_EQ(FromHex("0g"), std::nullopt);
  std::string_view text = "c0100000,4;";
  const auto range = TakeRange(text);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range.value_or(Range()).address, 0xc0100000u);
  EXPECT_EQ(range.value_or(Range()).length, 4u);
  EXPECT_EQ(text, ";");
  for (std::string_view bad : {"", ",4", "1", "1,", "x,1"}) EXPECT_FALSE(TakeRange(bad)) << bad;
  // Digits beyond 64 bits are not taken.
  std::string_view digits = "11111111111111111";
  EXPECT_EQ(TakeHexNumber(digits), 0x1111111111111111u);
  EXPECT_EQ(digits, "1");
}

}  // namespace
}  // namespace lguest::gdb
