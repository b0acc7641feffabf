// Tests of kernels of Linux 2.6.24 and later (VIRTIO_ABI.md §2).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/guest/guest_abi.h"
#include "loader/boot_params.h"
#include "loader/kernel.h"
#include "loader/load_guest.h"
#include "testdata/images/bytes.h"
#include "testdata/images/bzimage_builder.h"
#include "testdata/images/elf_builder.h"
#include "testdata/images/temp_file.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testdata::TempFile;
using testing::HasSubstr;

constexpr uint32_t kRam = 64u << 20;
constexpr uint32_t kEntry = 0x100040;

// movl $1,%eax; movl $0x1000,%ebx; int $0x1f
constexpr std::string_view kGuestEntry("\xb8\x01\0\0\0\xbb\0\x10\0\0\xcd\x1f", 12);

// An ELF kernel with this text in its data.
Bytes Elf(std::string_view banner, std::string_view code = kGuestEntry) {
  Bytes data(0x1000);
  testdata::Put(data, 0x40, testdata::FromString(code));
  testdata::Put(data, 0x200, testdata::FromString(banner));
  testdata::ElfBuilder builder;
  builder.Segment({.virtual_address = 0xc0100000,
                   .physical_address = 0x100000,
                   .data = data,
                   .file_offset = {},
                   .file_size = {},
                   .memory_size = {}});
  builder.header().e_entry = kEntry;
  return builder.Build();
}

constexpr uint32_t kSetupSectors = 4;
constexpr uint32_t kCodeOffset = (kSetupSectors + 1) * 512;

// A bzImage that names its version, with one page of code.
Bytes Packed(std::string_view version, uint64_t pref_address = 0x1000000,
             uint32_t init_size = 0x800000) {
  testdata::BzImage image;
  image.version = 0x20d;
  image.code = Bytes(kPageSize, std::byte{0xf4});
  image.pref_address = pref_address;
  Bytes file = Build(image);
  testdata::Put8(file, 0x201, 0x66);  // the header ends at 0x268
  testdata::Put16(file, 0x20e, 0x300);
  testdata::Put32(file, 0x214, 0x100000);
  testdata::Put32(file, 0x260, init_size);
  testdata::Put(file, 0x500, testdata::FromString(version));
  return file;
}

class GenerationsTest : public testing::Test {
 protected:
  absl::StatusOr<LoadedGuest> Load(const Bytes& kernel, uint32_t ram = kRam,
                                   const std::vector<std::string>& initrds = {}) {
    memory_ = *GuestMemory::Create(ram + kPageSize);
    const TempFile file(kernel);
    return LoadGuest(*memory_, ram, {file.path(), initrds, "console=hvc0"});
  }
  std::string Refusal(const Bytes& kernel, uint32_t ram = kRam) {
    return std::string(Load(kernel, ram).status().message());
  }

  template <typename T>
  T At(uint32_t address) {
    return *memory_->Read<T>(GuestPhys(address));
  }

  std::unique_ptr<GuestMemory> memory_;
};

TEST_F(GenerationsTest, ElfStartsAtItsPhysicalEntryWithoutTables) {
  const auto guest = Load(Elf("Linux version 3.10.4 (gcc)"));
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->abi, FindGuestAbi({3, 10, 4}));
  EXPECT_EQ(guest->entry, GuestVirt(kEntry));
  EXPECT_EQ(guest->page_directory, GuestPhys(0));
  EXPECT_EQ(guest->page_offset, 0xc0000000);
  EXPECT_EQ(guest->ram_size, kRam);
}

TEST_F(GenerationsTest, OlderElfStartsOnTablesThatMapItTwice) {
  const auto guest = Load(Elf("Linux version 2.6.28 (gcc)"));
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->abi, FindGuestAbi({2, 6, 28}));
  EXPECT_EQ(guest->entry, GuestVirt(kEntry));
  const uint32_t directory = guest->page_directory.value();
  for (const uint32_t index : {0u, 1u, 15u}) {
    EXPECT_EQ(At<uint32_t>(directory + 4 * index), At<uint32_t>(directory + 4 * (768 + index)));
  }
  EXPECT_NE(At<uint32_t>(directory), 0u);
  EXPECT_EQ(At<uint32_t>(directory + 4 * 16), 0u) << "above RAM";
}

TEST_F(GenerationsTest, FirstTablesOf2623MapNoLowAddress) {
  const auto guest = Load(testdata::GoodKernel().Build());
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->abi, &FirstGuestAbi());
  EXPECT_EQ(At<uint32_t>(guest->page_directory.value()), 0u);
}

TEST_F(GenerationsTest, EntryMagicMeans2623WhateverTheBannerSays) {
  const auto guest = Load(Elf("GenuineLguest\xfa Linux version 4.13.4"));
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->abi, &FirstGuestAbi());
}

TEST_F(GenerationsTest, KernelThatIsNoGuestIsRefused) {
  EXPECT_THAT(Refusal(Elf("Linux version 3.10.4", "")), HasSubstr("CONFIG_LGUEST_GUEST"));
  EXPECT_THAT(Refusal(Elf("no banner")), HasSubstr("CONFIG_LGUEST_GUEST"));
}

TEST_F(GenerationsTest, KernelWithoutLguestIsRefused) {
  EXPECT_THAT(Refusal(Elf("Linux version 4.14.0 (gcc)")),
              HasSubstr("Linux 4.14 has no lguest: 2.6.23 to 4.13 are needed"));
  EXPECT_THAT(Refusal(Elf("Linux version 2.6.22 (gcc)")), HasSubstr("Linux 2.6.22 has no lguest"));
}

TEST_F(GenerationsTest, BootParametersOfAnElf) {
  ASSERT_TRUE(Load(Elf("Linux version 3.10.4")).ok());
  EXPECT_EQ(At<uint8_t>(0x211), 0x40);
  EXPECT_EQ(At<uint32_t>(0x230), 16u << 20);
  EXPECT_EQ(At<uint32_t>(0x23c), 1u);
  EXPECT_EQ(At<uint16_t>(0x206), 0x207);
}

TEST_F(GenerationsTest, BzImageUnpacksItself) {
  const auto guest = Load(Packed("4.13.4 (root@vm)"));
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->abi, FindGuestAbi({4, 13, 4}));
  EXPECT_EQ(guest->entry, GuestVirt(0x100000));
  EXPECT_EQ(At<uint8_t>(0x100000), 0xf4);
  EXPECT_EQ(At<uint8_t>(0x100000 + kPageSize), 0);
}

TEST_F(GenerationsTest, BzImageGetsItsWholeSetupHeader) {
  const Bytes file = Packed("4.13.4");
  ASSERT_TRUE(Load(file).ok());
  EXPECT_EQ(At<uint8_t>(0x1f1), kSetupSectors);
  EXPECT_EQ(At<uint16_t>(0x206), 0x20d) << "its own protocol";
  EXPECT_EQ(At<uint64_t>(0x258), 0x1000000u);
  EXPECT_EQ(At<uint32_t>(0x260), 0x800000u);
  EXPECT_EQ(At<uint8_t>(0x211), 0x41) << "loaded high, and segments stay";
  EXPECT_EQ(At<uint8_t>(0x210), 0xff);
  EXPECT_EQ(At<uint32_t>(0x228), kPageSize);
  EXPECT_EQ(At<uint8_t>(0x1e8), 1) << "the memory map is ours";
  EXPECT_EQ(At<uint32_t>(0x230), 0u) << "so is its alignment";
}

TEST_F(GenerationsTest, MemoryToUnpackIsReserved) {
  EXPECT_TRUE(Load(Packed("4.13.4"), 24u << 20).ok());
  EXPECT_THAT(Refusal(Packed("4.13.4"), 23u << 20), HasSubstr("at least 25 MB are needed"));
}

TEST_F(GenerationsTest, InitrdLiesAboveTheMemoryToUnpack) {
  const TempFile initrd(Bytes(5000));
  ASSERT_TRUE(Load(Packed("4.13.4"), 32u << 20, {initrd.path()}).ok());
  EXPECT_EQ(At<uint32_t>(0x218), (32u << 20) - 2 * kPageSize);
  EXPECT_FALSE(Load(Packed("4.13.4"), 24u << 20, {initrd.path()}).ok());
}

TEST_F(GenerationsTest, BzImageWithoutInitSizeNeedsItsOwnSize) {
  Bytes file = Packed("2.6.28");
  testdata::Put16(file, 0x206, 0x209);
  const auto guest = Load(file, 2u << 20);
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_NE(guest->page_directory, GuestPhys(0));
}

TEST_F(GenerationsTest, MalformedBzImagesAreRefused) {
  Bytes file = Packed("4.13.4");
  testdata::Put16(file, 0x236, 1);
  EXPECT_THAT(Refusal(file), HasSubstr("a 64-bit kernel"));
  EXPECT_THAT(Refusal(Packed("4.13.4", uint64_t{1} << 32)), HasSubstr("pref_address"));
  EXPECT_THAT(Refusal(Packed("4.13.4", ~uint64_t{0})), HasSubstr("pref_address"));
  EXPECT_THAT(Refusal(Packed("4.13.4", 0xffffffff, 0xffffffff)), HasSubstr("no memory size"));
  file = Packed("4.13.4");
  testdata::Put8(file, 0x1f1, 255);
  EXPECT_THAT(Refusal(file), HasSubstr("setup_sects"));
}

TEST_F(GenerationsTest, VersionOutsideTheFileIsNone) {
  Bytes file = Packed("4.13.4");
  testdata::Put16(file, 0x20e, 0xffff);
  EXPECT_THAT(Refusal(file), HasSubstr("neither an ELF executable nor a bzImage"));
}

}  // namespace
}  // namespace lguest::loader
