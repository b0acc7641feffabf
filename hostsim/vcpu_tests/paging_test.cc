// Page tables, page faults, and the TLB.

#include <gtest/gtest.h>

#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kHeap = 0x40000000;  // tests map pages of kFree here

TEST(VcpuPagingTest, VirtualAddressesAreTranslated) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kW | kU);
  machine.Poke(kFree, 0x1234);
  EXPECT_TRUE(IsDone(machine.Do(3, LoadFrom(kHeap))));
  EXPECT_EQ(machine.reg(Register::kEax), 0x1234u);
  machine.Load(3, StoreTo(kHeap));
  machine.cpu->Set(Register::kEax, 0x5678);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.Peek(kFree), 0x5678u);
}

TEST(VcpuPagingTest, FaultHasAddressAndErrorCode) {
  TestMachine machine;
  EXPECT_TRUE(IsPageFault(machine.Do(3, LoadFrom(kHeap)), kHeap, 4));
  EXPECT_TRUE(IsPageFault(machine.Do(3, StoreTo(kHeap)), kHeap, 6));
  EXPECT_TRUE(IsPageFault(machine.Do(1, LoadFrom(kHeap)), kHeap, 0));
  EXPECT_TRUE(IsPageFault(machine.Do(1, StoreTo(kHeap)), kHeap, 2));
  EXPECT_EQ(machine.reg(Register::kEip), kKernelCode);
}

TEST(VcpuPagingTest, UserCannotAccessKernelPages) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kW);
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
  EXPECT_TRUE(IsPageFault(machine.Do(3, LoadFrom(kHeap)), kHeap, 5));
  EXPECT_TRUE(IsPageFault(machine.Do(3, StoreTo(kHeap)), kHeap, 7));
}

TEST(VcpuPagingTest, WriteToReadOnlyPageAtRing1Faults) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kU);
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
  EXPECT_TRUE(IsPageFault(machine.Do(1, StoreTo(kHeap)), kHeap, 3));
  EXPECT_TRUE(IsPageFault(machine.Do(3, StoreTo(kHeap)), kHeap, 7));
}

TEST(VcpuPagingTest, FaultingInstructionIsRestartable) {
  TestMachine machine;
  machine.Poke(kFree, 77);
  machine.Load(3, LoadFrom(kHeap));
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (trap.vector != 14) return false;
    machine.Map(kHeap, kFree, kP | kU);
    return true;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  ASSERT_EQ(handler.traps.size(), 2u);
  EXPECT_TRUE(IsDone(handler.traps[1]));
  EXPECT_EQ(machine.reg(Register::kEax), 77u);
}

TEST(VcpuPagingTest, RepStringInstructionIsRestartable) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kW | kU);
  machine.Load(3, {
                      0xb9,
                      0x00,
                      0x10,
                      0,
                      0,  // mov $0x1000,%ecx
                      0xbf,
                      0x00,
                      0x08,
                      0,
                      0x40,  // mov $kHeap+0x800,%edi
                      0xb0,
                      0x66,  // mov $0x66,%al
                      0xf3,
                      0xaa,  // rep stosb
                      0xcd,
                      kDone,
                  });
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kHeap + 0x1000, 6));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 12);
  EXPECT_EQ(machine.reg(Register::kEcx), 0x800u);
  EXPECT_EQ(machine.reg(Register::kEdi), kHeap + 0x1000);
  machine.Map(kHeap + 0x1000, kFree + 0x1000, kP | kW | kU);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.Peek(kFree + 0x17fc), 0x66666666u);
  EXPECT_EQ(machine.Peek(kFree + 0x1800), 0u);
}

TEST(VcpuPagingTest, FetchAcrossPagesFaultsAtSecondPage) {
  TestMachine machine;
  constexpr uint32_t kLast = (kUserCodePages - 1) * kPageSize + kPageSize - 2;
  machine.Load(3, {});
  machine.PokeBytes(kCodePhys + kLast, {0xb8, 0x01, 0x00, 0x00, 0x00, 0xcd, kDone});  // mov $1,%eax
  machine.cpu->Set(Register::kEip, kUserCode + kLast);
  const uint32_t next = kUserCode + kUserCodePages * kPageSize;
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), next, 4));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + kLast);
  machine.Map(next, kCodePhys + kUserCodePages * kPageSize, kP | kU);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEax), 1u);
}

TEST(VcpuPagingTest, StoreAcrossPagesFaultsAndStoresNothing) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kW | kU);
  machine.Load(3, {0xa3, 0xfe, 0x0f, 0, 0x40});  // mov %eax,kHeap+0xffe
  machine.cpu->Set(Register::kEax, 0xffffffff);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kHeap + 0x1000, 6));
  EXPECT_EQ(machine.Peek(kFree + 0xffc), 0u);
}

TEST(VcpuPagingTest, JumpToMissingPageFaultsAtTarget) {
  TestMachine machine;
  EXPECT_TRUE(IsPageFault(machine.Do(3, {0xb8, 0, 0, 0, 0x50, 0xff, 0xe0}),  // jmp *0x50000000
                          0x50000000, 4));
  EXPECT_EQ(machine.reg(Register::kEip), 0x50000000u);
  EXPECT_TRUE(IsPageFault(machine.Do(3, {0x31, 0xc0, 0xff, 0xe0}), 0, 4));  // jmp *0
  EXPECT_EQ(machine.reg(Register::kEip), 0u);
}

TEST(VcpuPagingTest, AccessedAndDirtyBitsAreSet) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kW | kU);
  const uint32_t pte = machine.TableEntry(kHeap);
  EXPECT_TRUE(IsDone(machine.Do(3, LoadFrom(kHeap))));
  EXPECT_EQ(machine.Peek(pte) & (kA | kD), kA);
  EXPECT_TRUE(IsDone(machine.Do(3, StoreTo(kHeap))));
  EXPECT_EQ(machine.Peek(pte) & (kA | kD), kA | kD);
}

TEST(VcpuPagingTest, BadEntriesAreReported) {
  LGUEST_REQUIRE_CPU(kReportsBadEntries);
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kW | kU | 0x80);
  EXPECT_EQ(machine.Do(3, LoadFrom(kHeap)).kind, Trap::Kind::kBadPageTableEntry);
  machine.Map(kHeap, kMemorySize, kP | kW | kU);
  Trap trap = machine.Do(3, LoadFrom(kHeap));
  EXPECT_EQ(trap.kind, Trap::Kind::kBadPageTableEntry);
  EXPECT_EQ(trap.cr2, kHeap);
  machine.Poke(kDirectory + (kHeap >> 22) * 4, kMemorySize | kP | kW | kU);
  EXPECT_EQ(machine.Do(3, LoadFrom(kHeap)).kind, Trap::Kind::kBadPageDirectoryEntry);
  machine.Poke(kDirectory + (kHeap >> 22) * 4, 0x10000 | kP | kW | kU | 0x8);
  EXPECT_EQ(machine.Do(1, StoreTo(kHeap)).kind, Trap::Kind::kBadPageDirectoryEntry);
  // A normal fault is still reported as a page fault.
  machine.Poke(kDirectory + (kHeap >> 22) * 4, 0);
  EXPECT_TRUE(IsPageFault(machine.Do(3, LoadFrom(kHeap)), kHeap, 4));
}

TEST(VcpuPagingTest, PageDirectoryOutsideMemoryIsReported) {
  TestMachine machine;
  machine.Load(1, LoadFrom(kHeap));
  machine.cpu->SetPageDirectory(GuestPhys(kMemorySize));
  EXPECT_EQ(machine.RunToTrap().kind, Trap::Kind::kBadPageDirectoryEntry);
}

TEST(VcpuPagingTest, LastDirectoryEntryBelongsToHost) {
  LGUEST_REQUIRE_CPU(kHostAreaOfOnePage);
  TestMachine machine;
  // The CPU ignores the guest's entry, which is not present.
  machine.Poke(kDirectory + 1023 * 4, 0xfffffff6);
  EXPECT_TRUE(IsDone(machine.Do(1, {0xa1, 0x60, 0, 0xc0, 0xff, 0xcd, kDone})));  // mov 0xffc00060
  EXPECT_EQ(machine.reg(Register::kEax), 0x0000ffffu);  // in entry 12 of the guest's GDT
  EXPECT_TRUE(IsPageFault(machine.Do(1, {0xa3, 0x60, 0, 0xc0, 0xff}), 0xffc00060, 3));
  EXPECT_TRUE(IsPageFault(machine.Do(3, {0xa1, 0x60, 0, 0xc0, 0xff}), 0xffc00060, 5));
  EXPECT_TRUE(IsPageFault(machine.Do(1, {0xa1, 0, 0x10, 0xc0, 0xff}), 0xffc01000, 0));
  EXPECT_TRUE(IsPageFault(machine.Do(1, {0xa1, 0xfe, 0xff, 0xff, 0xff}), 0xfffffffe, 0));
  // mov $0xffc00000,%eax; jmp *%eax
  EXPECT_TRUE(IsPageFault(machine.Do(1, {0xb8, 0, 0, 0xc0, 0xff, 0xff, 0xe0}), 0xffc00000, 1));
}

TEST(VcpuPagingTest, PageTableOfTheGuestForTheHostAreaIsSeen_F28) {
  LGUEST_REQUIRE_CPU(kHostAreaOfOnePage);
  TestMachine machine;
  machine.Poke(kDirectory + 0xffc, kFree | 3);
  EXPECT_EQ(machine.Do(1, {0xa1, 0, 0, 0xc8, 0xff}).kind, Trap::Kind::kHostAreaDamaged);
}

TEST(VcpuPagingTest, NewPageDirectoryChangesUserPages) {
  TestMachine machine;
  machine.Map(kHeap, kFree, kP | kU);
  machine.Map(kHeap, kFree + kPageSize, kP | kU, kOtherDirectory);
  machine.Poke(kFree, 1);
  machine.Poke(kFree + kPageSize, 2);
  EXPECT_TRUE(IsDone(machine.Do(3, LoadFrom(kHeap))));
  EXPECT_EQ(machine.reg(Register::kEax), 1u);
  machine.cpu->SetPageDirectory(GuestPhys(kOtherDirectory));
  EXPECT_EQ(machine.cpu->page_directory(), GuestPhys(kOtherDirectory));
  EXPECT_TRUE(IsDone(machine.Do(3, LoadFrom(kHeap))));
  EXPECT_EQ(machine.reg(Register::kEax), 2u);
}

TEST(VcpuPagingTest, NewPageDirectoryChangesUserCode) {
  TestMachine machine;
  machine.Map(kUserCode, kFree, kP | kU, kOtherDirectory);
  machine.PokeBytes(kFree, {0xcd, 0x42});  // int $0x42
  EXPECT_TRUE(IsDone(machine.Do(3, {0xcd, kDone})));
  machine.cpu->SetPageDirectory(GuestPhys(kOtherDirectory));
  EXPECT_EQ(machine.Do(3, {0xcd, kDone}).vector, 0x42);
  machine.cpu->SetPageDirectory(GuestPhys(kDirectory));
  EXPECT_TRUE(IsDone(machine.Do(3, {0xcd, kDone})));
}

TEST(VcpuPagingTest, NewPageDirectoryChangesKernelPages) {
  TestMachine machine;
  constexpr uint32_t kKernelHeap = 0xd0000000;
  machine.Map(kKernelHeap, kFree, kP);
  machine.Map(kKernelHeap, kFree + kPageSize, kP, kOtherDirectory);
  machine.Poke(kFree + kPageSize, 5);
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kKernelHeap))));
  machine.cpu->SetPageDirectory(GuestPhys(kOtherDirectory));
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kKernelHeap))));
  EXPECT_EQ(machine.reg(Register::kEax), 5u);
}

// Changes the page that kHeap maps to, flushes, and returns whether the CPU uses the new page.
template <typename Flush>
bool NoticesChangeAfter(Flush flush, uint32_t heap = kHeap, int ring = 3) {
  TestMachine machine;
  const MachineCode load = LoadFrom(heap);
  machine.Map(heap, kFree, kP | kU);
  machine.Poke(kFree, 1);
  machine.Poke(kFree + kPageSize, 2);
  EXPECT_TRUE(IsDone(machine.Do(ring, load)));
  EXPECT_EQ(machine.reg(Register::kEax), 1u);
  machine.Map(heap, kFree + kPageSize, kP | kU);
  flush(*machine.cpu);
  EXPECT_TRUE(IsDone(machine.Do(ring, load)));
  return machine.reg(Register::kEax) == 2;
}

TEST(VcpuPagingTest, FlushesRemoveStaleEntries) {
  LGUEST_REQUIRE_CPU(kTablesChangeUnseen);
  EXPECT_TRUE(NoticesChangeAfter([](Vcpu& cpu) { cpu.FlushTlb(); }));
  EXPECT_TRUE(NoticesChangeAfter([](Vcpu& cpu) { cpu.FlushUserTlb(); }));
  EXPECT_TRUE(NoticesChangeAfter(
      [](Vcpu& cpu) { cpu.FlushPage(GuestPhys(kDirectory), GuestVirt(kHeap)); }));
  EXPECT_TRUE(NoticesChangeAfter(
      [](Vcpu& cpu) { cpu.FlushDirectoryEntry(GuestPhys(kDirectory), kHeap >> 22); }));
  EXPECT_TRUE(NoticesChangeAfter([](Vcpu& cpu) { cpu.SetPageDirectory(GuestPhys(kDirectory)); }));
}

TEST(VcpuPagingTest, UserFlushCoversKernelAccesses) {
  LGUEST_REQUIRE_CPU(kTablesChangeUnseen);
  EXPECT_TRUE(NoticesChangeAfter([](Vcpu& cpu) { cpu.FlushUserTlb(); }, kHeap, /*ring=*/1));
}

TEST(VcpuPagingTest, KernelPagesAreFlushedThroughAnyDirectory) {
  LGUEST_REQUIRE_CPU(kTablesChangeUnseen);
  constexpr uint32_t kKernelHeap = 0xd0000000;
  EXPECT_TRUE(NoticesChangeAfter(
      [](Vcpu& cpu) { cpu.FlushPage(GuestPhys(kOtherDirectory), GuestVirt(kKernelHeap)); },
      kKernelHeap, 1));
  EXPECT_TRUE(NoticesChangeAfter(
      [](Vcpu& cpu) { cpu.FlushDirectoryEntry(GuestPhys(kOtherDirectory), kKernelHeap >> 22); },
      kKernelHeap, 1));
}

TEST(VcpuPagingTest, FlushOfHostEntryIsIgnored) {
  TestMachine machine;
  machine.cpu->FlushDirectoryEntry(GuestPhys(kDirectory), 1023);
  machine.cpu->FlushDirectoryEntry(GuestPhys(kDirectory), 0xffffffff);
  machine.cpu->FlushPage(GuestPhys(kDirectory), GuestVirt(0xffc00000));
  EXPECT_TRUE(IsDone(machine.Do(1, {0xcd, kDone})));
}

TEST(VcpuPagingTest, UserFlushCoversManyPages) {
  LGUEST_REQUIRE_CPU(kTablesChangeUnseen);
  // More pages than the TLB has entries, for the kernel and for the user.
  TestMachine machine;
  constexpr uint32_t kPages = 700;
  for (const int ring : {3, 1}) {
    for (uint32_t generation = 0; generation < 3; ++generation) {
      for (uint32_t i = 0; i < kPages; ++i) {
        // Odd generations map the pages in reverse order.
        const uint32_t page = generation % 2 == 0 ? i % 256 : 255 - i % 256;
        machine.Map(kHeap + i * kPageSize, kFree + page * kPageSize, kP | kU);
      }
      for (uint32_t i = 0; i < 256; ++i) machine.Poke(kFree + i * kPageSize, i);
      machine.cpu->FlushUserTlb();
      machine.Load(ring, {
                             0xbe, 0,     0,    0,    0x40,     // mov $kHeap,%esi
                             0xb9, 0xbc,  0x02, 0,    0,        // mov $700,%ecx
                             0x31, 0xdb,                        // xor %ebx,%ebx
                             0x8b, 0x06,                        // 1: mov (%esi),%eax
                             0xd1, 0xc3,                        // rol %ebx
                             0x31, 0xc3,                        // xor %eax,%ebx
                             0x81, 0xc6,  0,    0x10, 0,    0,  // add $0x1000,%esi
                             0xe2, 0xf2,                        // loop 1b
                             0xcd, kDone,
                         });
      ASSERT_TRUE(IsDone(machine.RunToTrap()));
      uint32_t expected = 0;
      for (uint32_t i = 0; i < kPages; ++i) {
        expected =
            (expected << 1 | expected >> 31) ^ (generation % 2 == 0 ? i % 256 : 255 - i % 256);
      }
      ASSERT_EQ(machine.reg(Register::kEbx), expected) << ring << " " << generation;
    }
  }
}

}  // namespace
}  // namespace lguest::hostsim
