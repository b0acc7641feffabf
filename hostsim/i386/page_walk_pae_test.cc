// Tests of walks without paging and with PAE (VIRTIO_ABI.md §2.3, §4.4).

#include <gtest/gtest.h>

#include <memory>

#include "hostsim/i386/constants.h"
#include "hostsim/i386/page_walk.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {
namespace {

using Result = Translation::Result;

constexpr uint32_t kPages = 6;
constexpr uint32_t kDirectory = 0x1020;  // of 32 bytes, anywhere in its page
constexpr uint32_t kMiddle = 0x2000;
constexpr uint32_t kTable = 0x3000;
constexpr uint32_t kPage = 0x4000;
constexpr uint32_t kVirt = (3u << 30) | (5u << 21) | (7u << 12) | 0x123;
constexpr uint32_t kAll = 7;

class PaeWalkTest : public testing::Test {
 protected:
  PaeWalkTest() : memory_(*GuestMemory::Create(kPages * kPageSize)) {
    Poke(kTop, kMiddle | 1);
    Poke(kPde, kTable | kAll);
    Poke(kPte, kPage | kAll);
  }

  void Poke(uint32_t phys, uint32_t value) {
    EXPECT_TRUE(memory_->Write(GuestPhys(phys), value).ok());
  }
  uint32_t Peek(uint32_t phys) { return *memory_->Read<uint32_t>(GuestPhys(phys)); }

  Translation Walk(Access access = Access::kRead, bool user = false, uint32_t root = kDirectory) {
    return WalkPageTables(*memory_,
                          {.directory = GuestPhys(root),
                           .format = PagingFormat::kPae,
                           .bad_table_entry_flags = kLargePage},
                          GuestVirt(kVirt), access, user);
  }

  static constexpr uint32_t kTop = kDirectory + 3 * 8;
  static constexpr uint32_t kPde = kMiddle + 5 * 8;
  static constexpr uint32_t kPte = kTable + 7 * 8;
  std::unique_ptr<GuestMemory> memory_;
};

TEST_F(PaeWalkTest, AddressIsTranslated) {
  const Translation translation = Walk(Access::kWrite, true);
  EXPECT_EQ(translation.result, Result::kMapped);
  EXPECT_EQ(translation.frame, GuestPhys(kPage));
  EXPECT_TRUE(translation.writable);
  EXPECT_EQ(Peek(kPde), kTable | kAll | kEntryAccessed);
  EXPECT_EQ(Peek(kPte), kPage | kAll | kEntryAccessed | kEntryDirty);
  EXPECT_EQ(Peek(kTop), kMiddle | 1) << "a top entry has no accessed bit";
}

TEST_F(PaeWalkTest, LowBitsOfTheDirectoryAreIgnored) {
  EXPECT_EQ(Walk(Access::kRead, false, kDirectory | 0x1f).result, Result::kMapped);
}

TEST_F(PaeWalkTest, AbsentEntriesFault) {
  for (const uint32_t entry : {kTop, kPde, kPte}) {
    const uint32_t before = Peek(entry);
    Poke(entry, before & ~1u);
    const Translation translation = Walk(Access::kWrite, true);
    EXPECT_EQ(translation.result, Result::kFault) << entry;
    EXPECT_EQ(translation.error_code, 6u);
    Poke(entry, before);
  }
}

TEST_F(PaeWalkTest, RightsAreThoseOfBothLevels) {
  Poke(kPde, kTable | 5);
  EXPECT_EQ(Walk(Access::kWrite).error_code, 3u);
  Poke(kPde, kTable | 3);
  EXPECT_EQ(Walk(Access::kRead, true).error_code, 5u);
}

TEST_F(PaeWalkTest, BadFlagsAreDetected) {
  Poke(kTop, kMiddle | 3);
  EXPECT_EQ(Walk().result, Result::kBadDirectoryEntry);
  Poke(kTop, kMiddle | 1);
  Poke(kPde, kTable | kAll | 0x80);
  EXPECT_EQ(Walk().result, Result::kBadDirectoryEntry);
  Poke(kPde, kTable | kAll);
  Poke(kPte, kPage | kAll | 0x80);
  EXPECT_EQ(Walk().result, Result::kBadTableEntry);
  Poke(kPte, kPage | kAll | 0x18);  // PWT, PCD
  EXPECT_EQ(Walk().result, Result::kMapped);
}

TEST_F(PaeWalkTest, UpperWordsAreBad) {
  for (const uint32_t upper : {1u, 0x80000000u}) {
    Poke(kTop + 4, upper);
    EXPECT_EQ(Walk().result, Result::kBadDirectoryEntry);
    Poke(kTop + 4, 0);
    Poke(kPde + 4, upper);
    EXPECT_EQ(Walk().result, Result::kBadDirectoryEntry);
    Poke(kPde + 4, 0);
    Poke(kPte + 4, upper);
    EXPECT_EQ(Walk().result, Result::kBadTableEntry);
    EXPECT_EQ(Walk().frame, GuestPhys(0)) << "not a frame below 4 GB";
    Poke(kPte + 4, 0);
  }
}

TEST_F(PaeWalkTest, TablesOutsideMemoryAreBad) {
  constexpr uint32_t kEnd = kPages * kPageSize;
  Poke(kTop, kEnd | 1);
  EXPECT_EQ(Walk().result, Result::kBadDirectoryEntry);
  Poke(kTop, kMiddle | 1);
  Poke(kPde, kEnd | kAll);
  EXPECT_EQ(Walk().result, Result::kBadDirectoryEntry);
  EXPECT_EQ(Walk(Access::kRead, false, kEnd).result, Result::kBadDirectoryEntry);
  EXPECT_EQ(Walk(Access::kRead, false, 0xffffffe0).result, Result::kBadDirectoryEntry);
}

TEST_F(PaeWalkTest, FrameOutsideMemoryIsReported) {
  Poke(kPte, 0x12345000 | kAll);
  const Translation translation = Walk();
  EXPECT_EQ(translation.result, Result::kBadTableEntry);
  EXPECT_EQ(translation.frame, GuestPhys(0x12345000));
}

TEST(NoPagingTest, VirtualIsPhysical) {
  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kPages * kPageSize);
  const PageTables none = {.directory = {}, .format = PagingFormat::kNone};
  const auto walk = [&](uint32_t address) {
    return WalkPageTables(*memory, none, GuestVirt(address), Access::kWrite, false);
  };
  EXPECT_EQ(walk(0x5fff).result, Result::kMapped);
  EXPECT_EQ(walk(0x5fff).frame, GuestPhys(0x5000));
  EXPECT_TRUE(walk(0x5fff).writable);
  EXPECT_EQ(walk(0x6000).result, Result::kFault);
  EXPECT_EQ(walk(0x6000).error_code, 2u);
  EXPECT_EQ(walk(0xc0005000).result, Result::kFault);
}

}  // namespace
}  // namespace lguest::hostsim
