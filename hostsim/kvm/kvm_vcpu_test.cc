// Tests of the KVM CPU only: the switcher's pages in the guest's address space, and guests that
// overwrite them.

#include "hostsim/kvm/kvm_vcpu.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/kvm/switcher_layout.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kHeap = 0x40000000;
constexpr uint32_t kLastEntry = kDirectory + 1023 * 4;

TEST(KvmVcpuTest, Ring3CannotAccessHostArea) {
  TestMachine machine;
  for (const uint32_t page : {SWITCHER_CODE, SWITCHER_DATA, SWITCHER_PAGE_TABLE}) {
    EXPECT_TRUE(IsPageFault(machine.Do(3, LoadFrom(page)), page, 5));
    EXPECT_TRUE(IsPageFault(machine.Do(3, StoreTo(page)), page, 7));
  }
  EXPECT_TRUE(IsPageFault(machine.Do(3, LoadFrom(0xfffffffc)), 0xfffffffc, 4));
}

TEST(KvmVcpuTest, Ring1CannotWriteSwitcherCode) {
  TestMachine machine;
  EXPECT_TRUE(IsPageFault(machine.Do(1, StoreTo(SWITCHER_CODE)), SWITCHER_CODE, 3));
  EXPECT_TRUE(IsPageFault(machine.Do(1, LoadFrom(0xffc10000)), 0xffc10000, 0));
  EXPECT_TRUE(IsPageFault(machine.Do(1, StoreTo(0xfffffffc)), 0xfffffffc, 2));
}

TEST(KvmVcpuTest, PageBeyondMemoryIsReported) {
  TestMachine machine;
  machine.Map(kHeap, kMemorySize, kP | kW | kU);
  EXPECT_EQ(machine.Do(3, LoadFrom(kHeap)).kind, Trap::Kind::kBadPageTableEntry);
}

TEST(KvmVcpuTest, SetPageDirectoryWritesHostEntry) {
  TestMachine machine;
  machine.Poke(kOtherDirectory + 1023 * 4, 0);
  machine.Load(1, {0xcd, kDone});
  machine.cpu->SetPageDirectory(GuestPhys(kOtherDirectory));
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
}

TEST(KvmVcpuTest, UnmappedSwitcherIsReported) {
  TestMachine machine;
  machine.Load(1, {0xcd, kDone});
  machine.Poke(kLastEntry, 0);
  EXPECT_EQ(machine.RunToTrap().kind, Trap::Kind::kHostAreaDamaged);
}

// The page table of the host area is at an address without memory. KVM retries the page walk
// endlessly.
TEST(KvmVcpuTest, HungVcpuCanBeStopped) {
  TestMachine machine;
  machine.Load(1, {0xcd, kDone});
  machine.Poke(kLastEntry, 0xfffffff7);
  std::thread kicker([&] { machine.cpu->Kick(); });
  RecordingHandler handler;
  const absl::StatusOr<Vcpu::Stop> stop = machine.cpu->Run(handler);
  kicker.join();
  ASSERT_TRUE(stop.ok()) << stop.status();
  if (*stop == Vcpu::Stop::kKicked) return;  // the kick came before the vCPU hung
  ASSERT_EQ(handler.traps.size(), 1u);
  EXPECT_EQ(handler.traps[0].kind, Trap::Kind::kHostAreaDamaged);
}

// Overwrites one word of the switcher's tables and state from ring 1, for each such word. In each
// case Run() must report a trap or return after Kick().
TEST(KvmVcpuTest, CorruptSwitcherDataEndsOnlyTheGuest) {
  constexpr uint32_t kWords[] = {SWITCHER_GDT + SWITCHER_CODE_SELECTOR,
                                 SWITCHER_GDT + SWITCHER_CODE_SELECTOR + 4,
                                 SWITCHER_GDT + SWITCHER_DATA_SELECTOR + 4,
                                 SWITCHER_TSS + 4,
                                 SWITCHER_TSS + 8,
                                 SWITCHER_TSS + 0x64,
                                 SWITCHER_STATE + STATE_LGUEST_DATA,
                                 SWITCHER_STATE + STATE_NEXT_RING_SLOT,
                                 SWITCHER_STATE + STATE_DIRECTORY,
                                 SWITCHER_STATE + STATE_CR0,
                                 SWITCHER_STATE + STATE_RELOAD,
                                 SWITCHER_STATE + STATE_GATES + 13 * GATE_SIZE,
                                 SWITCHER_PAGE_TABLE,
                                 SWITCHER_PAGE_TABLE + 4};
  for (const uint32_t word : kWords) {
    for (const uint32_t value : {0u, 0xffffffffu}) {
      TestMachine machine;
      machine.Load(1, {0xa3, 0, 0, 0, 0,  // mov %eax,word
                       0xb8, 5, 0, 0, 0,  // mov $5,%eax
                       0xcd, 0x1f,        // int $0x1f
                       0xcd, kDone});
      machine.PokeBytes(kCodePhys + 1,
                        {static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
                         static_cast<uint8_t>(word >> 16), static_cast<uint8_t>(word >> 24)});
      machine.cpu->Set(Register::kEax, value);
      std::thread kicker([&] { machine.cpu->Kick(); });
      RecordingHandler handler;
      handler.resume = [](const Trap& trap) { return trap.vector == kHypercallVector; };
      EXPECT_TRUE(machine.cpu->Run(handler).ok()) << std::hex << word;
      kicker.join();
    }
  }
}

}  // namespace
}  // namespace lguest::hostsim
