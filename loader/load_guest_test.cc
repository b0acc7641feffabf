#include "loader/load_guest.h"

#include <memory>

#include "gtest/gtest.h"
#include "loader/little_endian.h"
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
  // A device page lies above RAM, as in any guest.
  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kRam + kPageSize);

  template <typename T>
  T At(uint32_t address) {
    return *memory_->Read<T>(GuestPhys(address));
  }

  // Follows the initial page tables as a CPU would; 0 where nothing is mapped.
  uint32_t Translate(const LoadedGuest& guest, uint32_t address) {
    const uint32_t pde = At<uint32_t>(guest.page_directory.value() + address / (4u << 20) * 4);
    if (pde == 0) return 0;
    const uint32_t pte =
        At<uint32_t>(PageAlignDown(pde) + address / kPageSize % 1024 * 4);
    return pte == 0 ? 0 : PageAlignDown(pte) + address % kPageSize;
  }
};

TEST_F(LoadGuestTest, ElfKernelIsReadyToStart) {
  const TempFile kernel(testdata::GoodKernel().Build());
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), std::nullopt, "console=hvc0"});
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
  const auto guest = LoadGuest(*memory_, kRam, {kernel.path(), initrd.path(), ""});
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

}  // namespace
}  // namespace lguest::loader
