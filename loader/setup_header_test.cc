#include "loader/setup_header.h"

#include "gtest/gtest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/bzimage_builder.h"

namespace lguest::loader {
namespace {

testdata::BzImage Image(uint16_t version) {
  testdata::BzImage image;
  image.version = version;
  image.code = testdata::Bytes(100);
  image.payload = testdata::Bytes(1000);
  image.pref_address = 0x1000000;
  return image;
}

SetupHeader HeaderOf(const testdata::BzImage& image) {
  const auto header = ReadSetupHeader(Build(image));
  EXPECT_TRUE(header.has_value());
  return header.value_or(SetupHeader());
}

SetupHeader::Payload PayloadOf(const testdata::BzImage& image) {
  const auto payload = HeaderOf(image).payload;
  EXPECT_TRUE(payload.has_value());
  return payload.value_or(SetupHeader::Payload());
}

TEST(SetupHeaderTest, PayloadFieldsFromProtocol208On) {
  EXPECT_FALSE(HeaderOf(Image(0x207)).payload.has_value());
  EXPECT_EQ(HeaderOf(Image(0x208)).version, 0x208);
  EXPECT_EQ(PayloadOf(Image(0x208)).offset, 5u * 512 + 100);
  EXPECT_EQ(PayloadOf(Image(0x208)).size, 1000u);
}

TEST(SetupHeaderTest, ZeroSetupSectorsMeansFour) {
  testdata::BzImage image = Image(0x208);
  image.setup_sectors = 0;
  EXPECT_EQ(PayloadOf(image).offset, 5u * 512 + 100);
  image.setup_sectors = 39;
  EXPECT_EQ(PayloadOf(image).offset, 40u * 512 + 100);
}

TEST(SetupHeaderTest, ZeroPayloadLengthIsNoPayload) {
  testdata::BzImage image = Image(0x208);
  image.payload_length = 0;
  EXPECT_FALSE(HeaderOf(image).payload.has_value());
}

TEST(SetupHeaderTest, PreferredAddressFromProtocol210On_B26) {
  EXPECT_EQ(HeaderOf(Image(0x209)).load_address, kDefaultLoadAddress);
  EXPECT_EQ(HeaderOf(Image(0x20a)).load_address, 0x1000000u);
}

TEST(SetupHeaderTest, PayloadFieldsDoNotWrap) {
  testdata::BzImage image = Image(0x208);
  image.payload_offset = 0xffffffff;
  image.payload_length = 0xffffffff;
  const SetupHeader::Payload payload = PayloadOf(image);
  EXPECT_EQ(payload.offset + payload.size, uint64_t{0x1fffffffe} + 5 * 512);
}

TEST(SetupHeaderTest, OtherFilesHaveNoHeader) {
  testdata::Bytes file = Build(Image(0x208));
  EXPECT_FALSE(ReadSetupHeader(std::span(file).first(0x25f)).has_value());
  EXPECT_TRUE(ReadSetupHeader(std::span(file).first(0x260)).has_value());
  testdata::Put8(file, 0x202, 'h');
  EXPECT_FALSE(ReadSetupHeader(file).has_value());
  testdata::Put8(file, 0x202, 'H');
  testdata::Put16(file, 0x1fe, 0);
  EXPECT_FALSE(ReadSetupHeader(file).has_value());
  EXPECT_FALSE(ReadSetupHeader({}).has_value());
}

}  // namespace
}  // namespace lguest::loader
