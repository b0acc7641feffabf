#include "loader/compression_formats.h"

#include <string_view>

#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using namespace std::string_view_literals;

Bytes Of(std::string_view text) { return testdata::FromString(text); }

TEST(CompressionFormatsTest, GzipHeaderFieldsAreChecked_B24) {
  EXPECT_TRUE(IsGzip(testdata::Gzip(Of("kernel"))));
  EXPECT_TRUE(IsGzip(Of("\x1f\x8b\x08\x1f\0\0\0\0\0\0"sv)));
  EXPECT_FALSE(IsGzip(Of("\x1f\x8b\x07\0\0\0\0\0\0\x03"sv)));    // method
  EXPECT_FALSE(IsGzip(Of("\x1f\x8b\x08\x20\0\0\0\0\0\x03"sv)));  // reserved flag
  EXPECT_FALSE(IsGzip(Of("\x1f\x8b\x08\0\0\0\0\0\0"sv)));        // one byte short
}

TEST(CompressionFormatsTest, GzipOsByteIsIgnored_B24) {
  Bytes packed = testdata::Gzip(Of("kernel"));
  for (unsigned system = 0; system < 256; ++system) {
    testdata::Put8(packed, 9, static_cast<uint8_t>(system));
    EXPECT_TRUE(IsGzip(packed));
  }
}

TEST(CompressionFormatsTest, FindsGzipAtTheStart_B23) {
  EXPECT_EQ(FindGzip(testdata::Gzip(Of("kernel")), 0), 0u);
}

TEST(CompressionFormatsTest, FindsGzipAfterPartialMagic_B22) {
  Bytes bytes = Of("\x1f\x1f");
  testdata::Append(bytes, testdata::Gzip(Of("kernel")));
  EXPECT_EQ(FindGzip(bytes, 0), 2u);
}

TEST(CompressionFormatsTest, FindsGzipAfterFalseMatches_B21) {
  Bytes bytes = Of("\x1f\x8b\x1f\x8b\x07\x1f\x8b");
  testdata::Append(bytes, testdata::Gzip(Of("kernel")));
  EXPECT_EQ(FindGzip(bytes, 0), 7u);
}

TEST(CompressionFormatsTest, FindsTheNextGzip) {
  const Bytes member = testdata::Gzip(Of("kernel"));
  Bytes bytes = member;
  testdata::Append(bytes, member);
  EXPECT_EQ(FindGzip(bytes, 1), member.size());
  EXPECT_EQ(FindGzip(bytes, member.size() + 1), std::nullopt);
  EXPECT_EQ(FindGzip(bytes, bytes.size()), std::nullopt);
  EXPECT_EQ(FindGzip({}, 0), std::nullopt);
}

TEST(CompressionFormatsTest, TruncatedGzipHeaderIsIgnored) {
  EXPECT_EQ(FindGzip(Of("kernel\x1f\x8b\x08"), 0), std::nullopt);
  EXPECT_EQ(FindGzip(Of("kernel\x1f"), 0), std::nullopt);
}

constexpr FoundFormat kNone = {"none", 0};

struct Sample {
  const char* name;
  std::string_view start;
};

// Written by the tools of these names.
constexpr Sample kSamples[] = {
    {"xz", "\xfd\x37\x7a\x58\x5a\x00\x00\x04"sv},
    {"zstd", "\x28\xb5\x2f\xfd\x04\x58"sv},
    {"lz4", "\x02\x21\x4c\x18\x12\x00\x00\x00"sv},
    {"lzo", "\x89LZO\x00\x0d\x0a\x1a\x0a\x10\x30"sv},
    {"bzip2", "BZh91AY&SY\x9f"sv},
    {"lzma", "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x3f"sv},
};

TEST(CompressionFormatsTest, NamesOtherFormats_B24) {
  for (const Sample& sample : kSamples) {
    EXPECT_STREQ(OtherFormatName(Of(sample.start)), sample.name);
    Bytes bytes = testdata::Noise(1000, 1);
    testdata::Append(bytes, Of(sample.start));
    const FoundFormat found = FindOtherFormat(bytes).value_or(kNone);
    EXPECT_STREQ(found.name, sample.name);
    EXPECT_EQ(found.offset, 1000u);
  }
}

TEST(CompressionFormatsTest, FirstFormatIsReturned) {
  Bytes bytes = Of(kSamples[4].start);
  testdata::Append(bytes, Of(kSamples[0].start));
  EXPECT_STREQ(FindOtherFormat(bytes).value_or(kNone).name, "bzip2");
}

TEST(CompressionFormatsTest, LzmaNeedsPlausibleSizes) {
  const std::string_view lzma = kSamples[5].start;
  const auto changed = [&](size_t at, char value) {
    std::string bytes(lzma);
    bytes[at] = value;
    return OtherFormatName(Of(bytes));
  };
  EXPECT_STREQ(changed(3, '\x40'), "lzma");
  EXPECT_EQ(changed(3, '\0'), nullptr) << "a dictionary of 0 bytes";
  EXPECT_EQ(changed(2, '\x08'), nullptr) << "the magic";
  EXPECT_EQ(changed(12, '\x7f'), nullptr) << "a known size";
  EXPECT_EQ(OtherFormatName(Of("\x5d\x00\x00\x08\x00\xff\xff\xff\xff\xff\xff\xff"sv)), nullptr);
}

TEST(CompressionFormatsTest, TextIsNotAFormat) {
  EXPECT_EQ(OtherFormatName(Of("BZh is how bzip2 begins")), nullptr);
  EXPECT_EQ(OtherFormatName({}), nullptr);
  EXPECT_FALSE(FindOtherFormat(Of("BZh91AY& ]\0\0 \x28\xb5"sv)).has_value());
}

}  // namespace
}  // namespace lguest::loader
