#include "loader/load_guest.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loader/testing/write_log.h"
#include "testdata/images/bytes.h"
#include "testdata/images/elf_builder.h"
#include "testdata/images/temp_file.h"

namespace lguest::loader {
namespace {

using testdata::Bytes;
using testdata::TempFile;

constexpr uint32_t kRam = 16u << 20;

class LoadGuestTest : public testing::Test {
 protected:
  // RAM and one device page above it.
  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kRam + kPageSize);

  template <typename T>
  T At(uint32_t address) {
    return *memory_->Read<T>(GuestPhys(address));
  }

  // Walks the initial page tables like a CPU; 0 for an unmapped address.
  uint32_t Translate(const LoadedGuest& guest, uint32_t address) {
    const uint32_t pde = At<uint32_t>(guest.page_directory.value() + address / (4u << 20) * 4);
    if (pde == 0) return 0;
    const uint32_t pte = At<uint32_t>(PageAlignDown(pde) + address / kPageSize % 1024 * 4);
    return pte == 0 ? 0 : PageAlignDown(pte) + address % kPageSize;
  }
};

TEST_F(LoadGuestTest, ElfKernelIsReadyToStart) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {}, "console=hvc0"});
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->page_offset, 0xc0000000);
  EXPECT_EQ(guest->entry, GuestVirt(0xc0100000 + 64 + 13));
  EXPECT_EQ(guest->page_directory, GuestPhys(kRam - kPageSize));
  // The first instruction, through the page tables.
  EXPECT_EQ(At<uint16_t>(Translate(*guest, guest->entry.value())), 0xfeeb);
  EXPECT_EQ(Translate(*guest, 0x100000), 0u);
}

TEST_F(LoadGuestTest, InitrdEndsAtTheTopOfRam) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const Bytes contents = testdata::Noise(5000, 1);
  const TempFile initrd(contents);
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""});
  ASSERT_TRUE(guest.ok()) << guest.status();
  const uint32_t start = kRam - 2 * kPageSize;
  EXPECT_EQ(At<uint32_t>(0x218), start);
  EXPECT_EQ(At<uint32_t>(0x21c), 5000u);
  Bytes loaded(5000);
  ASSERT_TRUE(memory_->ReadBytes(GuestPhys(start), loaded).ok());
  EXPECT_EQ(loaded, contents);
  EXPECT_EQ(At<uint32_t>(start + 5000), 0u);
  EXPECT_EQ(guest->page_directory, GuestPhys(start - kPageSize));
}

TEST_F(LoadGuestTest, InitrdsAreJoinedAtMultiplesOfFour_F20) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const Bytes first_contents = testdata::Noise(5, 1);
  const Bytes second_contents = testdata::Noise(6, 2);
  const TempFile first(first_contents);
  const TempFile second(second_contents);
  ASSERT_TRUE(LoadGuest(*memory_, kRam, {kernel.path(), {first.path(), second.path()}, ""}).ok());
  EXPECT_EQ(At<uint32_t>(0x21c), 8u + 6u);
  Bytes expected(14);
  testdata::Put(expected, 0, first_contents);
  testdata::Put(expected, 8, second_contents);
  Bytes loaded(14);
  ASSERT_TRUE(memory_->ReadBytes(GuestPhys(kRam - kPageSize), loaded).ok());
  EXPECT_EQ(loaded, expected);
}

TEST_F(LoadGuestTest, InitrdIsAnnouncedAsWritten) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const TempFile initrd(testdata::Noise(5000, 1));
  WriteLog log(*memory_);
  ASSERT_TRUE(LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""}).ok());
  EXPECT_TRUE(log.Has(GuestPhys(kRam - 2 * kPageSize), 5000));
}

TEST_F(LoadGuestTest, KernelWithoutHighmemIsToldOfWhatItCanUse_F6) {
  constexpr uint32_t kLarge = 1000u << 20;
  testdata::ElfSegment segment;
  segment.virtual_address = 0xc0100000;
  segment.physical_address = 0x100000;
  segment.data = testdata::KernelCode(0x1000, 0xc0000000, 64);
  testdata::Put(segment.data, 0x800, testdata::FromString("Use a HIGHMEM enabled kernel."));
  const TempFile kernel(testdata::ElfBuilder().Segment(segment).Build());
  memory_ = *GuestMemory::Create(kLarge + kPageSize);
  const auto guest = LoadGuest(*memory_, kLarge, {kernel.path(), {}, ""});
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_EQ(guest->ram_size, 892u << 20);
  constexpr uint32_t kE820Size = 0x2d8;
  EXPECT_EQ(At<uint32_t>(kE820Size), 892u << 20);
}

TEST_F(LoadGuestTest, FilesMayChangeOnceTheGuestIsLoaded_F2) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const Bytes contents = testdata::Noise(5000, 1);
  const TempFile initrd(contents);
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""});
  ASSERT_TRUE(guest.ok()) << guest.status();
  ASSERT_EQ(truncate(kernel.path().c_str(), 0), 0);
  ASSERT_EQ(truncate(initrd.path().c_str(), 0), 0);
  EXPECT_EQ(At<uint16_t>(Translate(*guest, guest->entry.value())), 0xfeeb);
  Bytes loaded(5000);
  ASSERT_TRUE(memory_->ReadBytes(GuestPhys(At<uint32_t>(0x218)), loaded).ok());
  EXPECT_EQ(loaded, contents);
}

TEST_F(LoadGuestTest, EmptyInitrdIsRefused_B27) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const TempFile initrd({});
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""});
  EXPECT_TRUE(absl::IsInvalidArgument(guest.status()));
  EXPECT_EQ(guest.status().message(), initrd.path() + ": the file is empty");
}

TEST_F(LoadGuestTest, InitrdLargerThanMemoryIsNamed_B27) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const TempFile initrd(Bytes(kRam + 1));
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""});
  EXPECT_TRUE(absl::IsOutOfRange(guest.status()));
  EXPECT_THAT(std::string(guest.status().message()), testing::StartsWith(initrd.path()));
}

TEST_F(LoadGuestTest, NothingIsWrittenAboveRam_B29) {
  ASSERT_TRUE(memory_->Write<uint32_t>(GuestPhys(kRam), 0xdeadbeef).ok());
  const TempFile kernel(testdata::GoodKernel().Build());
  const TempFile initrd(testdata::Noise(kPageSize, 1));
  ASSERT_TRUE(LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""}).ok());
  EXPECT_EQ(At<uint32_t>(kRam), 0xdeadbeef);
  EXPECT_EQ(At<uint32_t>(kRam + 4), 0u);
}

TEST_F(LoadGuestTest, InvalidRamSizeIsRefused) {
  const GuestImage image = {"/nowhere", {}, ""};
  for (const uint32_t size : {0u, 100u, kRam + 1, kRam + 2 * kPageSize}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(LoadGuest(*memory_, size, image).status())) << size;
  }
  EXPECT_TRUE(absl::IsNotFound(LoadGuest(*memory_, kRam, image).status()));
}

TEST_F(LoadGuestTest, CommandLineIsChecked_B31) {
  const auto guest = LoadGuest(*memory_, kRam, {"/nowhere", {}, std::string(5000, 'x')});
  EXPECT_TRUE(absl::IsFailedPrecondition(guest.status()));
}

TEST_F(LoadGuestTest, MissingInitrdIsNotFound) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {"/nowhere"}, ""});
  EXPECT_TRUE(absl::IsNotFound(guest.status()));
}

int OpenDescriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

TEST_F(LoadGuestTest, NoFileStaysOpen_B88) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const TempFile initrd(testdata::Noise(5000, 1));
  const int before = OpenDescriptors();
  EXPECT_TRUE(LoadGuest(*memory_, kRam, {kernel.path(), {initrd.path()}, ""}).ok());
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(LoadGuestTest, NotesListTheSteps) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), {}, ""});
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_THAT(guest->notes,
              testing::ElementsAre("Section 0: size 24576 addr 0x100000",
                                   "Linear mapping of 4096 pages in 4 pte pages at 0xffb000"));
}

}  // namespace
}  // namespace lguest::loader
