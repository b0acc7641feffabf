// Tests of the address spaces that only the software CPU has (VIRTIO_ABI.md §2.3, §4.4, §9.4).

#include <gtest/gtest.h>

#include <cstdint>

#include "hostsim/i386/constants.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kHeap = 0x40000000;
constexpr uint32_t kPaeDirectoryAt = kFree;
constexpr uint32_t kPaeMiddle = kFree + 0x1000;  // of the kernel's GB
constexpr uint32_t kPaeTables = kFree + 0x2000;  // two, for 4 MB
constexpr uint32_t kPaeHeapMiddle = kFree + 0x4000;
constexpr uint32_t kPaeHeapTable = kFree + 0x5000;
constexpr uint32_t kPagesFrom = kFree + 0x10000;

Vcpu::AddressSpace Space(PagingFormat format) {
  return {.page_offset = kPageOffset, .format = format, .bad_table_entry_flags = kLargePage};
}

void PokeEntry(TestMachine& machine, uint32_t table, uint32_t index, uint32_t value) {
  machine.Poke(table + index * 8, value);
  machine.Poke(table + index * 8 + 4, 0);
}

// Maps all memory at kPageOffset, and kPagesFrom at kHeap.
void EnterPae(TestMachine& machine) {
  PokeEntry(machine, kPaeDirectoryAt, 3, kPaeMiddle | 1);
  PokeEntry(machine, kPaeDirectoryAt, 1, kPaeHeapMiddle | 1);
  for (uint32_t table = 0; table < 2; ++table) {
    PokeEntry(machine, kPaeMiddle, table, (kPaeTables + table * kPageSize) | kP | kW);
  }
  for (uint32_t page = 0; page < kMemorySize / kPageSize; ++page) {
    PokeEntry(machine, kPaeTables, page, page * kPageSize | kP | kW);
  }
  PokeEntry(machine, kPaeHeapMiddle, 0, kPaeHeapTable | kP | kW | kU);
  PokeEntry(machine, kPaeHeapTable, 0, kPagesFrom | kP | kW | kU);
  ASSERT_TRUE(machine.cpu->SetAddressSpace(Space(PagingFormat::kPae)).ok());
  machine.cpu->SetPageDirectory(GuestPhys(kPaeDirectoryAt));
}

TEST(AddressSpaceTest, WithoutPagingCodeRunsAtPhysicalAddresses) {
  TestMachine machine;
  ASSERT_TRUE(machine.cpu->SetAddressSpace(Space(PagingFormat::kNone)).ok());
  machine.Load(1, StoreTo(kFree));
  machine.cpu->Set(Register::kEip, kCodePhys);
  machine.cpu->Set(Register::kEax, 0x1234);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.Peek(kFree), 0x1234u);
  machine.Load(1, LoadFrom(kPageOffset));
  machine.cpu->Set(Register::kEip, kCodePhys);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kPageOffset, 0));
}

TEST(AddressSpaceTest, NewFormatFlushesTheOldOne) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kPageOffset + kFree))));
  ASSERT_TRUE(machine.cpu->SetAddressSpace(Space(PagingFormat::kNone)).ok());
  machine.EnterRing(1);
  machine.cpu->Set(Register::kEip, kCodePhys);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kPageOffset + kFree, 0));
}

TEST(AddressSpaceTest, PaeTablesAreWalked) {
  TestMachine machine;
  EnterPae(machine);
  machine.Poke(kPagesFrom, 0xcafe);
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
  EXPECT_EQ(machine.reg(Register::kEax), 0xcafeu);
  EXPECT_TRUE(IsPageFault(machine.Do(1, LoadFrom(kHeap + kPageSize)), kHeap + kPageSize, 0));
}

TEST(AddressSpaceTest, PaeDirectoriesWithOneKernelKeepItsPages) {
  TestMachine machine;
  EnterPae(machine);
  constexpr uint32_t kOther = kPaeDirectoryAt + 32;
  PokeEntry(machine, kOther, 3, kPaeMiddle | 1);
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
  machine.cpu->SetPageDirectory(GuestPhys(kOther));
  EXPECT_TRUE(IsPageFault(machine.Do(1, LoadFrom(kHeap)), kHeap, 0));
  machine.cpu->SetPageDirectory(GuestPhys(kPaeDirectoryAt));
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
}

TEST(AddressSpaceTest, PaeFlushPageConcernsTheRightDirectory) {
  TestMachine machine;
  EnterPae(machine);
  machine.Poke(kPagesFrom, 1);
  machine.Poke(kPagesFrom + kPageSize, 2);
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
  PokeEntry(machine, kPaeHeapTable, 0, (kPagesFrom + kPageSize) | kP | kW | kU);
  machine.cpu->FlushPage(GuestPhys(kPaeDirectoryAt), GuestVirt(kHeap));
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
  EXPECT_EQ(machine.reg(Register::kEax), 2u);
}

TEST(AddressSpaceTest, HostAreaIsTheHostsInAllFormats) {
  TestMachine machine;
  EnterPae(machine);
  const Trap trap = machine.Do(1, LoadFrom(0xfffff000));
  EXPECT_TRUE(IsPageFault(trap, 0xfffff000, 0));
}

TEST(AddressSpaceTest, FrameOutsideMemoryIsNamed) {
  TestMachine machine;
  ASSERT_TRUE(machine.cpu->SetAddressSpace(Space(PagingFormat::kTwoLevel)).ok());
  machine.Map(kHeap, 0x10000000, kP | kW | 0x18);
  const Trap trap = machine.Do(1, StoreTo(kHeap + 0x38));
  EXPECT_EQ(trap.kind, Trap::Kind::kBadPageTableEntry);
  EXPECT_EQ(trap.frame, GuestPhys(0x10000000));
  EXPECT_EQ(trap.cr2, kHeap + 0x38);
  EXPECT_EQ(machine.reg(Register::kEip), kKernelCode) << "the access is not executed";
}

TEST(AddressSpaceTest, WriteThroughIsBadUnlessTheGenerationAllowsIt) {
  TestMachine machine;
  machine.Map(kHeap, kPagesFrom, kP | kW | 8);
  EXPECT_EQ(machine.Do(1, LoadFrom(kHeap)).kind, Trap::Kind::kBadPageTableEntry);
  ASSERT_TRUE(machine.cpu->SetAddressSpace(Space(PagingFormat::kTwoLevel)).ok());
  EXPECT_TRUE(IsDone(machine.Do(1, LoadFrom(kHeap))));
}

}  // namespace
}  // namespace lguest::hostsim
