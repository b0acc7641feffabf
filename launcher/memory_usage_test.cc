#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <sstream>
#include <string>

#include "launcher/stats.h"

namespace lguest {
namespace {

constexpr char kSmaps[] =
    "00400000-00500000 r-xp 00000000 08:01 1234                       /usr/bin/lguest\n"
    "Size:               1024 kB\n"
    "Private_Clean:       900 kB\n"
    "Private_Dirty:         4 kB\n"
    "VmFlags: rd ex mr mw me\n"
    "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
    "Private_Dirty:       512 kB\n"
    "7f0000100000-7f0000200000 rw-p 00000000 08:01 77  /boot/vmlinux\n"
    "Private_Dirty:       256 kB\n"
    "ffffffff0000-ffffffff2000 rw-p 00000000 00:00 0   [stack]\n"
    "Private_Dirty:         8 kB\n";

TEST(OwnMemoryTest, GuestMappingsAreNotCounted) {
  std::istringstream smaps(kSmaps);
  EXPECT_EQ(PrivateDirtyOutside(smaps, 0x7f0000000000, 0x200000), 12u * 1024);
}

TEST(OwnMemoryTest, AllMappingsAreCountedWithoutAGuest) {
  std::istringstream smaps(kSmaps);
  EXPECT_EQ(PrivateDirtyOutside(smaps, 0, 0), 780u * 1024);
}

TEST(OwnMemoryTest, GuestAtAddressZeroIsNotCounted) {
  std::istringstream smaps(kSmaps);
  EXPECT_EQ(PrivateDirtyOutside(smaps, 0, 0x500000), 776u * 1024);
}

TEST(OwnMemoryTest, UnreadableSmapsGivesNullopt) {
  std::istringstream smaps("");
  EXPECT_EQ(PrivateDirtyOutside(smaps, 0, 0), std::nullopt);
}

TEST(OwnMemoryTest, TouchedGuestMemoryIsNotCounted) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer's shadow memory is several times as large";
#endif
  const auto memory = GuestMemory::Create(64 << 20).value();
  const auto before = OwnMemory().OutsideGuest(*memory);
  if (!before.has_value()) GTEST_SKIP() << "/proc/self/smaps is not readable";
  std::memset(memory->base(), 1, memory->size());
  const auto after = OwnMemory().OutsideGuest(*memory);
  EXPECT_LT(after.value_or(~0u), *before + (32 << 20));
}

}  // namespace
}  // namespace lguest
