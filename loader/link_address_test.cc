#include "loader/link_address.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testing::HasSubstr;

constexpr uint32_t kPageOffset = 0xc0000000;

// One text, and one instruction that passes its address.
struct Reference {
  size_t text;
  uint8_t opcode;
};

Bytes CodeWith(const std::vector<Reference>& references, uint32_t link_address) {
  Bytes code(0x3000, std::byte{0x90});
  size_t at = 0;
  for (const Reference& reference : references) {
    testdata::Put(code, reference.text - 1, testdata::FromString(std::string("\0a text.\n\0", 10)));
    testdata::Put8(code, at, reference.opcode);
    testdata::Put32(code, at + 1, link_address + static_cast<uint32_t>(reference.text));
    at += 5;
  }
  return code;
}

std::vector<Reference> References(size_t count, uint8_t opcode = 0xb8) {
  std::vector<Reference> references(count);
  for (size_t i = 0; i < count; ++i) references[i] = {0x1001 + 12 * i, opcode};
  return references;
}

std::string Error(const Bytes& code) {
  return std::string(InferLinkAddress(code, "bzImage").status().message());
}

TEST(InferLinkAddressTest, AddressesOfTextsDecide_F26) {
  for (const uint32_t address : {kPageOffset + 0x100000, kPageOffset + 0x400000,
                                 kPageOffset + 0x1002000, 0x40100000u, 0xfffff000u}) {
    EXPECT_EQ(InferLinkAddress(CodeWith(References(8), address), "bzImage").value(), address);
  }
}

TEST(InferLinkAddressTest, EachInstructionWithAConstantCounts) {
  for (const uint8_t opcode : std::to_array<uint8_t>({0x68, 0xb8, 0xba, 0xbf})) {
    EXPECT_TRUE(InferLinkAddress(CodeWith(References(8, opcode), kPageOffset), "x").ok());
  }
  for (const uint8_t opcode : std::to_array<uint8_t>({0x67, 0x69, 0xb7, 0xc0})) {
    EXPECT_FALSE(InferLinkAddress(CodeWith(References(8, opcode), kPageOffset), "x").ok());
  }
}

TEST(InferLinkAddressTest, TooFewAddressesAreRefused_F26) {
  EXPECT_EQ(Error(CodeWith(References(7), kPageOffset)),
            "bzImage: cannot infer the load address from the code: at most 7 addresses of texts "
            "agree on it, and 0 on another one");
  EXPECT_THAT(Error({}), HasSubstr("at most 0 addresses"));
}

TEST(InferLinkAddressTest, AmbiguousAddressesAreRefused_F26) {
  // Two texts at the same place of their pages, so each constant can mean either.
  std::vector<Reference> references = References(12);
  constexpr size_t kTwins = 6;
  for (size_t i = 0; i < kTwins; ++i) references.push_back({references[i].text + 0x1000, 0xb8});
  Bytes code = CodeWith(references, kPageOffset);
  // 18 constants for the right address; the twins also vote for the pages beside it.
  EXPECT_EQ(InferLinkAddress(code, "bzImage").value(), kPageOffset);
  for (size_t i = kTwins; i < 12; ++i) testdata::Put32(code, 5 * i + 1, 0);
  EXPECT_THAT(Error(code), HasSubstr("at most 12 addresses of texts agree on it, and 6 on"));
}

TEST(InferLinkAddressTest, OneConstantCountsOnce) {
  std::vector<Reference> references(20, {0x1001, 0xb8});
  EXPECT_THAT(Error(CodeWith(references, kPageOffset)), HasSubstr("at most 1 addresses"));
}

TEST(InferLinkAddressTest, ShortAndUnfinishedTextsDoNotCount) {
  Bytes code = CodeWith(References(8), kPageOffset);
  testdata::Put8(code, 0x1001 + 3, 0);  // the first text has three characters now
  EXPECT_THAT(Error(code), HasSubstr("at most 7"));
  code = CodeWith(References(8), kPageOffset);
  testdata::Put8(code, 0x1001 + 3, 0x80);  // no text
  EXPECT_THAT(Error(code), HasSubstr("at most 7"));
}

TEST(DivideLinkAddressTest, PageOffsetIsAMultipleOf128MB_F26) {
  const auto place = [](uint32_t link, uint32_t data) {
    const auto divided = DivideLinkAddress(link, 0x200000, data, "bzImage");
    return divided.ok() ? std::pair(divided->page_offset, divided->load_address)
                        : std::pair(0u, 0u);
  };
  EXPECT_EQ(place(0xc0400000, 0xc0000000), std::pair(0xc0000000u, 0x400000u));
  EXPECT_EQ(place(0xc1000000, 0xc1000000), std::pair(0xc0000000u, 0x1000000u));
  EXPECT_EQ(place(0x78100000, 0x78000000), std::pair(0x78000000u, 0x100000u));
  // The code ends before the first multiple of 16 MB, and the data are behind it.
  EXPECT_EQ(place(0xc0f00000, 0xc1000000), std::pair(0xc0000000u, 0xf00000u));
}

TEST(DivideLinkAddressTest, DataElsewhereIsAContradiction_F26) {
  for (const uint32_t data : {0x80000000u, 0xc0000000u, 0xc1200000u, 0xc2000000u}) {
    EXPECT_EQ(DivideLinkAddress(0xc1000000, 0x200000, data, "bzImage").ok(), false) << data;
  }
  EXPECT_EQ(DivideLinkAddress(0xc0400000, 0x200000, 0x80000000, "bzImage").status().message(),
            "bzImage: cannot infer the load address from the code: its texts say that it runs at "
            "0xc0400000, and its data that it runs above 0x80000000");
}

}  // namespace
}  // namespace lguest::loader
