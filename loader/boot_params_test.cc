#include "loader/boot_params.h"

#include <memory>

#include "gtest/gtest.h"
#include "loader/little_endian.h"
#include "testdata/images/bytes.h"

namespace lguest::loader {
namespace {

constexpr uint32_t kRam = 16 * kPageSize;

// The first two pages of a guest with these boot parameters.
testdata::Bytes Written(const BootParams& params) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kRam);
  EXPECT_TRUE(WriteBootParams(*memory, params).ok());
  testdata::Bytes pages(size_t{2} * kPageSize);
  EXPECT_TRUE(memory->ReadBytes(GuestPhys(0), pages).ok());
  return pages;
}

// The expected pages without an initrd and with an empty command line.
testdata::Bytes Expected() {
  testdata::Bytes pages(size_t{2} * kPageSize);
  testdata::Put8(pages, 0x1e8, 1);
  testdata::Put(pages, 0x202, testdata::FromString("HdrS"));
  testdata::Put16(pages, 0x206, 0x207);
  testdata::Put8(pages, 0x210, 0xff);
  testdata::Put32(pages, 0x228, kPageSize);
  testdata::Put32(pages, 0x23c, 1);
  testdata::Put64(pages, 0x2d8, kRam);
  testdata::Put32(pages, 0x2e0, 1);
  return pages;
}

TEST(BootParamsTest, EveryByte_B32) {
  testdata::Bytes expected = Expected();
  testdata::Put(expected, kPageSize, testdata::FromString("console=hvc0"));
  EXPECT_EQ(Written({kRam, "console=hvc0", std::nullopt}), expected);
}

TEST(BootParamsTest, InitrdHasItsOwnSize_B28) {
  testdata::Bytes expected = Expected();
  testdata::Put32(expected, 0x218, 0x8000);
  testdata::Put32(expected, 0x21c, 1234);
  EXPECT_EQ(Written({kRam, "", GuestRange{GuestPhys(0x8000), 1234}}), expected);
}

TEST(BootParamsTest, CommandLineEndsWithNul_B31) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kRam);
  ASSERT_TRUE(memory->Write<uint64_t>(GuestPhys(kPageSize), ~uint64_t{0}).ok());
  ASSERT_TRUE(WriteBootParams(*memory, {kRam, "quiet", std::nullopt}).ok());
  EXPECT_EQ(*memory->Read<uint8_t>(GuestPhys(kPageSize + 5)), 0);
  EXPECT_EQ(*memory->Read<uint8_t>(GuestPhys(kPageSize + 6)), 0xff);
}

TEST(BootParamsTest, MemoryTooSmall) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kPageSize);
  EXPECT_TRUE(absl::IsOutOfRange(WriteBootParams(*memory, {kPageSize, "", std::nullopt})));
}

}  // namespace
}  // namespace lguest::loader
