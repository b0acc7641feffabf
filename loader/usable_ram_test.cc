#include "loader/usable_ram.h"

#include <cstddef>
#include <span>
#include <string_view>

#include "gtest/gtest.h"
#include "testdata/images/bytes.h"

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

TEST(UsableRamTest, LaterKernelsKeepMoreForThemselves) {
  constexpr std::string_view kImage = "Use a HIGHMEM enabled kernel.";
  const auto megabytes = [&](uint32_t ram) {
    return UsableRam(std::as_bytes(std::span(kImage)), 0xc0000000, ram * kMegabyte,
                     /*is_virtio=*/true) /
           kMegabyte;
  };
  EXPECT_EQ(megabytes(888), 888u);
  EXPECT_EQ(megabytes(889), 888u);
  EXPECT_EQ(megabytes(2944), 888u);
}

uint32_t PackedMegabytes(std::span<const std::byte> packed, uint32_t megabytes) {
  return UsableRamOfPacked(packed, 0xc0000000, megabytes * kMegabyte) / kMegabyte;
}

TEST(UsableRamTest, AdviceIsFoundInAPackedKernel) {
  // At the end of a part that is searched at once, over its end, and far behind it.
  for (const size_t at : {size_t{0}, kMegabyte - size_t{14}, kMegabyte - size_t{10},
                          kMegabyte - size_t{20}, size_t{3} * kMegabyte + 5}) {
    testdata::Bytes kernel(size_t{4} * kMegabyte);
    testdata::Put(kernel, at, testdata::FromString("HIGHMEM enabled"));
    EXPECT_EQ(PackedMegabytes(testdata::Gzip(kernel), 2944), 888u) << at;
  }
}

TEST(UsableRamTest, PackedKernelWithoutTheAdviceGetsAll) {
  EXPECT_EQ(PackedMegabytes(testdata::Gzip(testdata::Bytes(kMegabyte)), 2944), 2944u);
  EXPECT_EQ(PackedMegabytes(testdata::FromString("\xfd\x37zXZ"), 2944), 2944u);
  EXPECT_EQ(PackedMegabytes({}, 2944), 2944u);
  testdata::Bytes damaged = testdata::Gzip(testdata::Noise(kMegabyte, 1));
  damaged.resize(damaged.size() / 2);
  EXPECT_EQ(PackedMegabytes(damaged, 2944), 2944u);
}

}  // namespace
}  // namespace lguest::loader
