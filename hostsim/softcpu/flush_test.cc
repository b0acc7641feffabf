// The library caches translated code by virtual address (the jump cache). A TLB flush must also
// clear these entries. These tests run on the software CPU only, because the host writes the page
// tables: without nested paging, KVM would not notice.

#include <gtest/gtest.h>

#include <cstdint>

#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kHeap = 0x40000000;  // virtual address at which tests map pages of kFree

TEST(SoftCpuFlushTest, FlushPageDropsCachedCode) {
  TestMachine machine;
  const auto run = [&] {
    machine.EnterRing(3);
    machine.cpu->Set(Register::kEip, kHeap);
    EXPECT_TRUE(IsDone(machine.RunToTrap()));
    return machine.reg(Register::kEbx);
  };
  for (uint8_t page = 0; page < 2; ++page) {
    machine.PokeBytes(kFree + page * kPageSize, {0xbb, page, 0, 0, 0, 0xcd, kDone});  // mov $n,%ebx
  }
  for (const uint32_t page : {0u, 1u, 0u}) {
    machine.Map(kHeap, kFree + page * kPageSize, kP | kU);
    machine.cpu->FlushPage(GuestPhys(kDirectory), GuestVirt(kHeap));
    EXPECT_EQ(run(), page);
    // Now the code is translated already. Only the TLB fill shows that the jump cache gets blocks
    // of this page again.
    machine.cpu->FlushUserTlb();
    EXPECT_EQ(run(), page);
  }
}

TEST(SoftCpuFlushTest, FlushPageDropsCodeFromThePageBefore) {
  TestMachine machine;
  constexpr uint32_t kSecond = kHeap + kPageSize;
  machine.Map(kHeap, kFree, kP | kU);
  machine.PokeBytes(kFree + kPageSize - 2, {0xbb, 0x11});  // mov $0x..11,%ebx; int $kDone
  machine.PokeBytes(kFree + 1 * kPageSize, {0, 0, 0, 0xcd, kDone});
  machine.PokeBytes(kFree + 2 * kPageSize, {0x22, 0, 0, 0xcd, kDone});
  for (const uint32_t page : {1u, 2u, 1u}) {
    machine.Map(kSecond, kFree + page * kPageSize, kP | kU);
    machine.cpu->FlushPage(GuestPhys(kDirectory), GuestVirt(kSecond));
    machine.EnterRing(3);
    machine.cpu->Set(Register::kEip, kSecond - 2);
    EXPECT_TRUE(IsDone(machine.RunToTrap()));
    EXPECT_EQ(machine.reg(Register::kEbx), page == 1 ? 0x11u : 0x2211u);
  }
}

}  // namespace
}  // namespace lguest::hostsim
