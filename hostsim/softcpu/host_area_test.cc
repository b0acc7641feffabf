#include "hostsim/softcpu/host_area.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "hostsim/i386/constants.h"
#include "hostsim/i386/page_walk.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

class HostAreaTest : public testing::Test {
 protected:
  void Set(uint32_t index, uint64_t descriptor) {
    std::array<uint64_t, kGdtEntries> gdt = {};
    gdt[index] = descriptor;
    area_.SetGdt(gdt);
  }

  std::array<std::byte, kPageSize> page_ = {};
  HostArea area_{page_.data()};
};

TEST_F(HostAreaTest, IsTheLast4Megabytes) {
  EXPECT_FALSE(HostArea::Contains(GuestVirt(0xffbfffff)));
  EXPECT_TRUE(HostArea::Contains(GuestVirt(0xffc00000)));
  EXPECT_TRUE(HostArea::Contains(GuestVirt(0xffffffff)));
}

TEST_F(HostAreaTest, KernelReadsFirstPage) {
  EXPECT_EQ(HostArea::Translate(GuestVirt(0xffc00ffc), Access::kRead, false).result,
            Translation::Result::kMapped);
}

TEST_F(HostAreaTest, OtherAccessesToFirstPageFault) {
  const auto error = [](Access access, bool user) {
    const Translation translation = HostArea::Translate(GuestVirt(kHostAreaStart), access, user);
    EXPECT_EQ(translation.result, Translation::Result::kFault);
    return translation.error_code;
  };
  EXPECT_EQ(error(Access::kRead, true), kFaultProtection | kFaultUser);
  EXPECT_EQ(error(Access::kWrite, true), kFaultProtection | kFaultUser | kFaultWrite);
  EXPECT_EQ(error(Access::kWrite, false), kFaultProtection | kFaultWrite);
  EXPECT_EQ(error(Access::kExecute, false), kFaultProtection);
}

TEST_F(HostAreaTest, OtherPagesAreNotPresent) {
  for (const uint32_t address : {0xffc01000u, 0xfffff000u}) {
    const Translation translation = HostArea::Translate(GuestVirt(address), Access::kRead, false);
    EXPECT_EQ(translation.result, Translation::Result::kFault);
    EXPECT_EQ(translation.error_code, 0u);
  }
}

TEST_F(HostAreaTest, AccessedBitOfCodeAndDataIsSet) {
  Set(12, 0x00cfba000000ffff);
  EXPECT_EQ(area_.Descriptor(0x61), 0x00cfbb000000ffffu);
  EXPECT_EQ(area_.Descriptor(0x63), 0x00cfbb000000ffffu);
}

TEST_F(HostAreaTest, PrivilegeLevelZeroBecomesOne) {
  Set(12, 0x00cf9b000000ffff);
  EXPECT_EQ(area_.Descriptor(0x61), 0x00cfbb000000ffffu);
}

TEST_F(HostAreaTest, GatesAndTaskStatesAreDropped) {
  for (uint64_t type = 0; type < 16; ++type) {
    Set(5, (uint64_t{0xe0} << 40) | (type << 40));  // present, DPL 3, system
    EXPECT_EQ(area_.Descriptor(0x28), 0u) << type;
  }
}

TEST_F(HostAreaTest, SegmentThatIsNotPresentIsKept_F22) {
  Set(5, 0x00cf73000000ffff);
  EXPECT_EQ(area_.Descriptor(0x28), 0x00cf73000000ffffu);
}

TEST_F(HostAreaTest, InvalidSelectorsHaveNoDescriptor) {
  std::array<uint64_t, kGdtEntries> gdt;
  gdt.fill(0x00cffb000000ffff);
  area_.SetGdt(gdt);
  EXPECT_EQ(area_.Descriptor(0), 0u);
  EXPECT_EQ(area_.Descriptor(3), 0u);                    // a null selector, too
  EXPECT_EQ(area_.Descriptor(0x0c), 0u);                 // of the local table
  EXPECT_EQ(area_.Descriptor(kGdtEntries * 8), 0u);      // beyond the last
  EXPECT_NE(area_.Descriptor(kGdtEntries * 8 - 5), 0u);  // the last
}

}  // namespace
}  // namespace lguest::hostsim
