#include "launcher/boot_image.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "devices/testing/write_recorder.h"

namespace lguest {
namespace {

constexpr uint32_t kMemory = 16 * kPageSize;

TEST(BootImageTest, MemoryIsAsItWas) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kMemory);
  const std::vector<loader::GuestRange> contents = {{GuestPhys(0x1100), 8},
                                                    {GuestPhys(kMemory - 4), 4}};
  ASSERT_TRUE(memory->Write(GuestPhys(0x1100), uint64_t{0x1122334455667788}).ok());
  ASSERT_TRUE(memory->Write(GuestPhys(kMemory - 4), uint32_t{0xabcd}).ok());
  const auto image = BootImage::Copy(*memory, contents);
  ASSERT_TRUE(image.ok()) << image.status();

  const std::vector<std::byte> garbage(0x3000, std::byte{0x5a});
  ASSERT_TRUE(memory->WriteBytes(GuestPhys(0x800), garbage).ok());
  ASSERT_TRUE(memory->Write(GuestPhys(kMemory - 4), uint32_t{1}).ok());
  ASSERT_TRUE(image->Restore(*memory).ok());
  for (uint32_t at = 0; at < kMemory; at += 8) {
    const uint64_t expected = at == 0x1100        ? 0x1122334455667788
                              : at == kMemory - 8 ? uint64_t{0xabcd} << 32
                                                  : 0;
    EXPECT_EQ(*memory->Read<uint64_t>(GuestPhys(at)), expected) << at;
  }
}

TEST(BootImageTest, ZeroPagesAreNotWritten) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kMemory);
  const auto image = BootImage::Copy(*memory, {});
  ASSERT_TRUE(memory->Write(GuestPhys(0x2000), uint8_t{1}).ok());
  const WriteRecorder recorder(*memory);
  ASSERT_TRUE(image->Restore(*memory).ok());
  ASSERT_EQ(recorder.writes.size(), 1u);
  EXPECT_EQ(recorder.writes[0].first, 0x2000u);
}

TEST(BootImageTest, PartOutsideMemoryIsRefused) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kMemory);
  const std::vector<loader::GuestRange> contents = {{GuestPhys(kMemory - 4), 5}};
  EXPECT_TRUE(absl::IsOutOfRange(BootImage::Copy(*memory, contents).status()));
}

}  // namespace
}  // namespace lguest
