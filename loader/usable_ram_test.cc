#include "loader/usable_ram.h"

#include <string_view>

#include "gtest/gtest.h"

namespace lguest::loader {
namespace {

constexpr uint32_t kMegabyte = 1u << 20;

uint32_t Megabytes(std::string_view image, uint32_t page_offset, uint32_t megabytes) {
  return UsableRam(std::as_bytes(std::span(image)), page_offset, megabytes * kMegabyte) / kMegabyte;
}

TEST(UsableRamTest, KernelWithoutHighmemGetsItsLinearMap_F6) {
  constexpr std::string_view kImage = "code, <4>Use a HIGHMEM enabled kernel. and more";
  EXPECT_EQ(Megabytes(kImage, 0xc0000000, 64), 64u);
  EXPECT_EQ(Megabytes(kImage, 0xc0000000, 892), 892u);
  EXPECT_EQ(Megabytes(kImage, 0xc0000000, 893), 892u);
  EXPECT_EQ(Megabytes(kImage, 0xc0000000, 2944), 892u);
  EXPECT_EQ(Megabytes(kImage, 0x80000000, 2944), 1916u);
  EXPECT_EQ(Megabytes(kImage, 0x40000000, 2944), 2940u);
}

TEST(UsableRamTest, OtherKernelsGetAll) {
  EXPECT_EQ(Megabytes("%ldMB HIGHMEM available.", 0xc0000000, 2944), 2944u);
  EXPECT_EQ(Megabytes("", 0xc0000000, 2944), 2944u);
  EXPECT_EQ(Megabytes("HIGHMEM enabled", 0xff000000, 64), 64u) << "no room for a linear map";
}

}  // namespace
}  // namespace lguest::loader
