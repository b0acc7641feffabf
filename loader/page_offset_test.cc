#include "loader/page_offset.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testing::EndsWith;

constexpr uint32_t kLoadAddress = 0x100000;

// Appends `count` load instructions with addresses of this top byte.
void AppendLoads(Bytes& code, unsigned top_byte, int count) {
  for (int i = 0; i < count; ++i) {
    testdata::Append(code, testdata::FromString("\xa1\x11\x22\x33"));
    code.push_back(static_cast<std::byte>(top_byte));
  }
}

absl::StatusOr<uint32_t> Infer(const Bytes& code) {
  return InferPageOffset(code, kLoadAddress, "bzImage");
}

TEST(PageOffsetTest, MostFrequentTopByte) {
  Bytes code;
  AppendLoads(code, 0xc0, 4);
  EXPECT_EQ(*Infer(code), 0xc0000000);
  AppendLoads(code, 0x80, 100);
  EXPECT_EQ(*Infer(code), 0x80000000);
}

TEST(PageOffsetTest, ThreeOccurrencesAreTooFew_B17) {
  Bytes code;
  AppendLoads(code, 0xc0, 3);
  AppendLoads(code, 0x12, 1);
  const auto offset = Infer(code);
  EXPECT_TRUE(absl::IsInvalidArgument(offset.status()));
  EXPECT_EQ(offset.status().message(),
            "bzImage: cannot infer the page offset from the code: no top byte of addresses after "
            "0xa1 dominates with 4 or more occurrences (seen: 0xc0 3 times, 0x12 1 times)");
}

TEST(PageOffsetTest, FirstRepeatedByteIsNotUsed_B17) {
  Bytes code;
  AppendLoads(code, 0x00, 4);
  AppendLoads(code, 0xc0, 9);
  EXPECT_EQ(*Infer(code), 0xc0000000);
}

TEST(PageOffsetTest, TopByteZeroIsNotARunnerUp) {
  Bytes code;
  AppendLoads(code, 0x00, 37);
  AppendLoads(code, 0xc0, 51);
  EXPECT_EQ(*Infer(code), 0xc0000000);
  AppendLoads(code, 0x00, 37);
  EXPECT_FALSE(Infer(code).ok());
}

TEST(PageOffsetTest, NoDominantTopByte_B17) {
  EXPECT_FALSE(Infer(testdata::Noise(1 << 20, 1)).ok());
  Bytes code;
  AppendLoads(code, 0x40, 8);
  AppendLoads(code, 0xc0, 4);
  EXPECT_THAT(std::string(Infer(code).status().message()),
              EndsWith("(seen: 0x40 8 times, 0xc0 4 times)"));
}

TEST(PageOffsetTest, NoCode) {
  EXPECT_THAT(std::string(Infer({}).status().message()), EndsWith("(seen: none)"));
  EXPECT_FALSE(Infer(Bytes(3)).ok());
  EXPECT_FALSE(InferPageOffset({}, 0, "bzImage").ok());
}

TEST(PageOffsetTest, InstructionAtTheEnd) {
  Bytes code;
  AppendLoads(code, 0xc0, 4);
  EXPECT_TRUE(Infer(code).ok());
  code.pop_back();
  EXPECT_FALSE(Infer(code).ok());
}

TEST(PageOffsetTest, KernelLargerThanOneTopByte) {
  Bytes code;
  AppendLoads(code, 0xc0, 50);
  AppendLoads(code, 0xc1, 200);
  AppendLoads(code, 0xbf, 2);
  EXPECT_EQ(*Infer(code), 0xc1000000);
  code.resize(size_t{20} << 20);
  EXPECT_EQ(*Infer(code), 0xc0000000);
}

TEST(PageOffsetTest, KernelThatEndsAt16MBHasOneTopByte) {
  Bytes code;
  AppendLoads(code, 0xc0, 50);
  AppendLoads(code, 0xc1, 200);
  code.resize((size_t{16} << 20) - kLoadAddress);
  EXPECT_EQ(*Infer(code), 0xc1000000);
  code.emplace_back();
  EXPECT_EQ(*Infer(code), 0xc0000000);
}

}  // namespace
}  // namespace lguest::loader
