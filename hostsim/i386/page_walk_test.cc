#include "hostsim/i386/page_walk.h"

#include <gtest/gtest.h>

#include <memory>

#include "hostsim/i386/constants.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {
namespace {

using Result = Translation::Result;

constexpr uint32_t kPresent = 1;
constexpr uint32_t kWritable = 2;
constexpr uint32_t kUser = 4;
constexpr uint32_t kWriteThrough = 8;
constexpr uint32_t kAccessed = 0x20;
constexpr uint32_t kDirty = 0x40;
constexpr uint32_t kLarge = 0x80;
constexpr uint32_t kAll = kPresent | kWritable | kUser;

constexpr uint32_t kPages = 4;
constexpr uint32_t kDirectory = 0x1000;
constexpr uint32_t kTable = 0x2000;
constexpr uint32_t kPage = 0x3000;
constexpr uint32_t kVirt = (5u << 22) | (7u << 12) | 0x123;

class PageWalkTest : public testing::Test {
 protected:
  PageWalkTest() : memory_(*GuestMemory::Create(kPages * kPageSize)) {
    Poke(kPde, kTable | kAll);
    Poke(kPte, kPage | kAll);
  }

  void Poke(uint32_t phys, uint32_t value) {
    EXPECT_TRUE(memory_->Write(GuestPhys(phys), value).ok());
  }
  uint32_t Peek(uint32_t phys) { return *memory_->Read<uint32_t>(GuestPhys(phys)); }

  Translation Walk(Access access, bool user, uint32_t directory = kDirectory) {
    return WalkPageTables(*memory_, {.directory = GuestPhys(directory)}, GuestVirt(kVirt), access,
                          user);
  }
  void ExpectFault(Access access, bool user, uint32_t error_code) {
    const Translation translation = Walk(access, user);
    EXPECT_EQ(translation.result, Result::kFault);
    EXPECT_EQ(translation.error_code, error_code);
  }

  static constexpr uint32_t kPde = kDirectory + 5 * 4;
  static constexpr uint32_t kPte = kTable + 7 * 4;
  std::unique_ptr<GuestMemory> memory_;
};

TEST_F(PageWalkTest, AddressIsTranslated) {
  const Translation translation = Walk(Access::kRead, true);
  EXPECT_EQ(translation.result, Result::kMapped);
  EXPECT_EQ(translation.frame, GuestPhys(kPage));
}

TEST_F(PageWalkTest, ReadSetsAccessedAndPageStaysReadOnly) {
  EXPECT_FALSE(Walk(Access::kRead, true).writable);
  EXPECT_EQ(Peek(kPde), kTable | kAll | kAccessed);
  EXPECT_EQ(Peek(kPte), kPage | kAll | kAccessed);
}

TEST_F(PageWalkTest, WriteSetsDirty) {
  EXPECT_TRUE(Walk(Access::kWrite, true).writable);
  EXPECT_EQ(Peek(kPde), kTable | kAll | kAccessed);
  EXPECT_EQ(Peek(kPte), kPage | kAll | kAccessed | kDirty);
  EXPECT_TRUE(Walk(Access::kRead, true).writable);
}

TEST_F(PageWalkTest, FaultSetsNothing) {
  Poke(kPte, kPage | kPresent | kUser);
  ExpectFault(Access::kWrite, true, kFaultProtection | kFaultWrite | kFaultUser);
  EXPECT_EQ(Peek(kPde), kTable | kAll);
  EXPECT_EQ(Peek(kPte), kPage | kPresent | kUser);
}

TEST_F(PageWalkTest, NotPresentFaultHasNoProtectionBit) {
  for (const uint32_t entry : {kPte, kPde}) {
    Poke(entry, 0);
    ExpectFault(Access::kRead, false, 0);
    ExpectFault(Access::kRead, true, kFaultUser);
    ExpectFault(Access::kWrite, false, kFaultWrite);
    ExpectFault(Access::kExecute, true, kFaultUser);
  }
}

TEST_F(PageWalkTest, RightsNeedBothLevels) {
  Poke(kPde, kTable | kPresent | kWritable);
  ExpectFault(Access::kRead, true, kFaultProtection | kFaultUser);
  EXPECT_EQ(Walk(Access::kWrite, false).result, Result::kMapped);
  Poke(kPde, kTable | kPresent | kUser);
  ExpectFault(Access::kWrite, true, kFaultProtection | kFaultWrite | kFaultUser);
  EXPECT_EQ(Walk(Access::kExecute, true).result, Result::kMapped);
}

TEST_F(PageWalkTest, KernelWriteToReadOnlyPageFaults) {
  Poke(kPte, kPage | kPresent | kDirty);
  ExpectFault(Access::kWrite, false, kFaultProtection | kFaultWrite);
  EXPECT_FALSE(Walk(Access::kRead, false).writable);
}

TEST_F(PageWalkTest, BadDirectoryEntryFlags) {
  for (const uint32_t flag : {0x8u, 0x10u, 0x80u, 0x100u, 0x200u, 0x400u, 0x800u}) {
    Poke(kPde, kTable | kAll | flag);
    EXPECT_EQ(Walk(Access::kRead, false).result, Result::kBadDirectoryEntry) << flag;
  }
  Poke(kPde, kTable | kAll | kAccessed | kDirty);
  EXPECT_EQ(Walk(Access::kRead, false).result, Result::kMapped);
}

TEST_F(PageWalkTest, BadTableEntryFlags) {
  for (const uint32_t flag : {kWriteThrough, kLarge}) {
    Poke(kPte, kPage | kAll | flag);
    EXPECT_EQ(Walk(Access::kRead, false).result, Result::kBadTableEntry) << flag;
  }
  Poke(kPte, kPage | kAll | 0xf10);  // PCD, G and the three bits that are free for software
  EXPECT_EQ(Walk(Access::kRead, false).result, Result::kMapped);
}

TEST_F(PageWalkTest, FrameBeyondMemoryIsBad) {
  constexpr uint32_t kTop = kPages * kPageSize;
  for (const uint32_t frame : {kTop, 0x80000000u, 0xfffff000u}) {
    Poke(kPte, frame | kAll);
    EXPECT_EQ(Walk(Access::kRead, false).result, Result::kBadTableEntry) << frame;
  }
  Poke(kPte, (kTop - kPageSize) | kAll);
  EXPECT_EQ(Walk(Access::kRead, false).result, Result::kMapped);
  for (const uint32_t frame : {kTop, 0x80000000u, 0xfffff000u}) {
    Poke(kPde, frame | kAll);
    EXPECT_EQ(Walk(Access::kRead, false).result, Result::kBadDirectoryEntry) << frame;
  }
}

TEST_F(PageWalkTest, NotPresentEntryIsNotChecked) {
  Poke(kPte, 0xfffff000 | 0xffe);
  ExpectFault(Access::kRead, false, 0);
  Poke(kPde, 0xfffff000 | 0xffe);
  ExpectFault(Access::kRead, false, 0);
}

TEST_F(PageWalkTest, DirectoryOutsideMemoryIsBad) {
  EXPECT_EQ(Walk(Access::kRead, false, kPages * kPageSize).result, Result::kBadDirectoryEntry);
  EXPECT_EQ(Walk(Access::kRead, false, 0xfffff000).result, Result::kBadDirectoryEntry);
}

TEST_F(PageWalkTest, LowBitsOfTheDirectoryAreIgnored) {
  EXPECT_EQ(Walk(Access::kRead, false, kDirectory | 0x18).result, Result::kMapped);
}

}  // namespace
}  // namespace lguest::hostsim
