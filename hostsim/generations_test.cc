// Tests of what differs from one generation of guests to the next (VIRTIO_ABI.md §3 to §5).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hostsim/hypercalls.h"
#include "hostsim/testing/generation_guest.h"
#include "hostsim/trap_delivery.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest::hostsim {
namespace {

using ::testing::ElementsAre;
using Guest = GenerationGuest;

constexpr KernelVersion kGenerations[] = {{2, 6, 24}, {2, 6, 25}, {2, 6, 27},
                                          {2, 6, 30}, {2, 6, 31}, {3, 1, 0},
                                          {4, 0, 0},  {4, 1, 0},  {4, 12, 0}};

class EachGeneration : public testing::TestWithParam<KernelVersion> {
 protected:
  Guest guest_{GetParam()};
};

std::string NameOf(const testing::TestParamInfo<KernelVersion>& info) {
  return absl::StrCat("v", info.param.major, "_", info.param.minor, "_", info.param.patch);
}
INSTANTIATE_TEST_SUITE_P(Virtio, EachGeneration, testing::ValuesIn(kGenerations), NameOf);

TEST_P(EachGeneration, InitFillsTheHostsFields) {
  guest_.guest.tsc_khz = 1234;
  ASSERT_TRUE(guest_.Init().ok());
  EXPECT_EQ(guest_.Field(guest_.abi.data.reserve_mem), 4u << 20);
  EXPECT_EQ(guest_.Field(guest_.abi.data.tsc_khz), 1234u);
  EXPECT_EQ(guest_.guest.page_offset, Guest::kPageOffset);
}

TEST_P(EachGeneration, InitTellsTheCpuTheFlagsOfTableEntries) {
  ASSERT_TRUE(guest_.Init().ok());
  ASSERT_EQ(guest_.cpu.spaces().size(), 1u);
  const uint32_t flags = guest_.cpu.spaces()[0].bad_table_entry_flags;
  EXPECT_EQ(flags, guest_.abi.allows_write_through ? 0x80u : 0x88u);
}

TEST_P(EachGeneration, KernelAddressInTheHostAreaKills) {
  guest_.Field(guest_.abi.data.kernel_address, 0xffc00000);
  EXPECT_EQ(guest_.Init().message(), "bad kernel address 0xffc00000");
}

TEST_P(EachGeneration, OtherSystemCallVectorKills) {
  guest_.Field(guest_.abi.data.syscall_vec, 0x81);
  EXPECT_EQ(guest_.Init().message(), "bad syscall vector 0x81");
}

TEST_P(EachGeneration, DataMayEndAtTheTopOfMemory) {
  const uint32_t size = guest_.abi.data.size;
  EXPECT_EQ(guest_.Call(1, {Guest::kMemorySize - size + 1}).message(),
            absl::StrFormat("bad guest page %08x", Guest::kMemorySize - size + 1));
  Guest other(GetParam());
  // The fields there are 0, so LGUEST_INIT fails for another reason.
  EXPECT_EQ(other.Call(1, {Guest::kMemorySize - size}).message(), "bad syscall vector 0x0");
}

TEST_P(EachGeneration, RingArgumentsHaveTheOrderOfTheGeneration) {
  ASSERT_TRUE(guest_.Init().ok());
  const LguestDataLayout& data = guest_.abi.data;
  const uint32_t entry = Guest::kData + data.hcalls;
  guest_.Poke(entry, 7);  // SET_STACK(0x69, 0xc0005000, 1)
  guest_.Poke(entry + 4 * data.ring_arguments[0], 0x69);
  guest_.Poke(entry + 4 * data.ring_arguments[1], 0xc0005000);
  guest_.Poke(entry + 4 * data.ring_arguments[2], 1);
  ASSERT_TRUE(
      guest_.memory->Write(GuestPhys(Guest::kData + data.hcall_status), kHypercallPending).ok());
  ASSERT_TRUE(ExecuteHypercalls(guest_.guest).ok());
  EXPECT_EQ(guest_.guest.kernel_esp, 0xc0005000u);
  EXPECT_EQ(*guest_.memory->Read<uint8_t>(GuestPhys(Guest::kData + data.hcall_status)),
            kHypercallDone);
}

TEST_P(EachGeneration, CallsOfOtherGenerationsKill) {
  for (uint32_t number = 0; number < kHypercallNumbers + 2; ++number) {
    const bool exists =
        number < kHypercallNumbers && guest_.abi.calls[number] != HypercallOp::kNone;
    if (exists) continue;
    Guest guest(GetParam());
    EXPECT_EQ(guest.DeathBy(number, {}), absl::StrFormat("Bad hypercall %u\n", number));
  }
}

TEST_P(EachGeneration, DmaCallsDoNotExist) {
  EXPECT_EQ(guest_.DeathBy(12, {0, 0, 0}), "Bad hypercall 12\n");
}

std::string DeathBy(const KernelVersion& version, uint32_t number,
                    const std::vector<uint32_t>& arguments) {
  Guest guest(version);
  guest.memory->WriteBytes(GuestPhys(Guest::kText), std::as_bytes(std::span("Power down")))
      .IgnoreError();
  return guest.DeathBy(number, arguments);
}

TEST(ShutdownTest, PowerOffIsCrashWithItsText) {
  EXPECT_EQ(DeathBy({2, 6, 24}, 2, {Guest::kText}), "CRASH: Power down");
  EXPECT_EQ(DeathBy({3, 10, 0}, 2, {Guest::kText, kShutdownPowerOff}), "CRASH: Power down");
}

TEST(ShutdownTest, RestartIsTheLaunchers) {
  for (const KernelVersion& version : {KernelVersion{2, 6, 25}, KernelVersion{4, 13, 0}}) {
    Guest guest(version);
    EXPECT_EQ(guest.DeathBy(2, {Guest::kText, kShutdownRestart}), "");
    EXPECT_TRUE(guest.has_requested_restart());
  }
  EXPECT_EQ(DeathBy({2, 6, 24}, 2, {Guest::kText, kShutdownRestart}), "CRASH: Power down");
}

TEST(NotifyTest, LauncherServesIt) {
  Guest guest({3, 10, 0});
  ASSERT_EQ(guest.DeathBy(17, {0xabcd000}), "");
  ASSERT_NE(guest.notified(), nullptr);
  EXPECT_EQ(guest.notified()->address, GuestPhys(0xabcd000));
}

TEST(LoadGdtEntryTest, OneEntryIsLoadedAndSanitized) {
  Guest guest({2, 6, 30});
  ASSERT_EQ(guest.DeathBy(18, {14, 0x0000ffff, 0x00cffa00}), "");
  EXPECT_EQ(guest.cpu.gdt()[14], 0x00cffb000000ffffu);
  EXPECT_EQ(DeathBy({2, 6, 30}, 18, {32, 0, 0}), "too many gdt entries 32");
}

TEST(LoadGdtEntryTest, ReservedEntryStays) {
  Guest guest({2, 6, 30});
  ASSERT_EQ(guest.DeathBy(18, {10, 0x0000ffff, 0x00cffa00}), "");
  EXPECT_EQ(guest.cpu.gdt()[10], 0u);
}

TEST(SetPteTest, WriteThroughIsGoodFrom2625On) {
  constexpr uint32_t kEntry = Guest::kFree | 0x1b;  // PCD, PWT
  EXPECT_EQ(DeathBy({2, 6, 24}, 14, {0, 0xc0123456, kEntry}), "bad page table entry");
  EXPECT_EQ(DeathBy({2, 6, 25}, 14, {0, 0xc0123456, kEntry}), "");
  EXPECT_EQ(DeathBy({4, 13, 0}, 14, {0, 0xc0123456, Guest::kFree | 0x83}), "bad page table entry");
}

TEST(SetPteTest, FrameOutsideMemoryKills) {
  EXPECT_EQ(DeathBy({4, 13, 0}, 14, {0, 0xc0123456, Guest::kMemorySize | 3}),
            "bad page table entry");
}

// A guest with a PAE directory at kFree.
void MakePaeDirectory(Guest& guest) {
  for (const uint32_t entry : {0u, 3u}) guest.Poke(Guest::kFree + entry * 8, 0x9000 | 1);
}

TEST(PaeTest, FirstDirectoryTellsTheFormat) {
  Guest guest({3, 10, 0});
  MakePaeDirectory(guest);
  ASSERT_EQ(guest.DeathBy(4, {Guest::kFree}), "");
  EXPECT_EQ(guest.guest.paging, PagingFormat::kPae);
  EXPECT_EQ(guest.cpu.spaces().back().format, PagingFormat::kPae);
  EXPECT_EQ(guest.cpu.page_directory(), GuestPhys(Guest::kFree));
}

TEST(PaeTest, TwoLevelDirectoryIsNotTakenForPae) {
  Guest guest({3, 10, 0});
  guest.Poke(Guest::kFree, 0x9000 | 0x67);
  ASSERT_EQ(guest.DeathBy(4, {Guest::kFree}), "");
  EXPECT_EQ(guest.guest.paging, PagingFormat::kTwoLevel);
}

TEST(PaeTest, OlderGuestsHaveNoPae) {
  Guest guest({2, 6, 30});
  MakePaeDirectory(guest);
  ASSERT_EQ(guest.DeathBy(4, {Guest::kFree}), "");
  EXPECT_EQ(guest.guest.paging, PagingFormat::kTwoLevel);
}

TEST(PaeTest, DirectoryMayEndAtTheTopOfMemory) {
  Guest guest({3, 10, 0});
  guest.Poke(Guest::kMemorySize - 32, 0x9000 | 1);
  ASSERT_EQ(guest.DeathBy(4, {Guest::kMemorySize - 32}), "");
  EXPECT_EQ(guest.Call(4, {Guest::kMemorySize - 16}).message(), "bad read address 0x3fff0 len 32");
}

TEST(PaeTest, UpperWordOfAnEntryKills) {
  Guest guest({3, 10, 0});
  MakePaeDirectory(guest);
  ASSERT_EQ(guest.DeathBy(4, {Guest::kFree}), "");
  EXPECT_EQ(guest.Call(14, {Guest::kFree, 0xc0000000, 0x9003, 1}).message(),
            "bad page table entry");
}

TEST(PaeTest, MiddleAndTopEntriesFlushAll) {
  Guest guest({3, 10, 0});
  MakePaeDirectory(guest);
  ASSERT_EQ(guest.DeathBy(4, {Guest::kFree}), "");
  ASSERT_TRUE(guest.Call(13, {0x9000, 1}).ok());
  ASSERT_TRUE(guest.Call(15, {Guest::kFree, 3}).ok());
  EXPECT_THAT(guest.cpu.flushes(), ElementsAre("all", "all"));
}

TEST(KernelPhysTest, BootCodeRunsAtPhysicalAddresses) {
  const Guest guest({3, 10, 0});
  EXPECT_EQ(guest.guest.KernelPhys(0x1000), GuestPhys(0x1000));
  EXPECT_EQ(guest.guest.KernelPhys(0xc0001000), GuestPhys(0x1000));
  const Guest old({2, 6, 23});
  EXPECT_EQ(old.guest.KernelPhys(0xc0001000), GuestPhys(0x1000));
  EXPECT_FALSE(old.memory->Contains(old.guest.KernelPhys(0x1000), 1));
}

// ---- Gates

constexpr uint32_t kHandler = 0xc0040000;
constexpr uint32_t kInterruptGateOfUsers = 0xee00;
constexpr uint32_t kInterruptGateOfKernel = 0x8e00;

void LoadGate(Guest& guest, uint32_t vector, uint32_t flags) {
  ASSERT_TRUE(
      guest.guest.gates.Load(vector, kHandler & 0xffff, (kHandler & 0xffff0000) | flags).ok());
}

TEST(InterruptGateTest, UserCodeMayUseItFrom2627On) {
  for (const KernelVersion& version : kGenerations) {
    Guest guest(version);
    LoadGate(guest, kSystemCallVector, kInterruptGateOfUsers);
    const bool may = version >= KernelVersion{2, 6, 27};
    EXPECT_EQ(guest.guest.gates.MayInvoke(kSystemCallVector, 3), may) << version.ToString();
  }
}

TEST(InterruptGateTest, PrivilegeStillCounts) {
  Guest guest({4, 13, 0});
  LoadGate(guest, kSystemCallVector, kInterruptGateOfKernel);
  EXPECT_FALSE(guest.guest.gates.MayInvoke(kSystemCallVector, 3));
  LoadGate(guest, 32, kInterruptGateOfUsers);
  EXPECT_FALSE(guest.guest.gates.MayInvoke(32, 3)) << "an interrupt";
}

TEST(InterruptGateTest, SystemCallDisablesInterrupts) {
  Guest guest({4, 13, 0});
  ASSERT_TRUE(guest.Init().ok());
  LoadGate(guest, kSystemCallVector, kInterruptGateOfUsers);
  guest.data().set_irq_enabled(kInterruptFlag);
  ASSERT_TRUE(*DeliverTrap(guest.guest, kSystemCallVector, 0));
  EXPECT_EQ(guest.data().irq_enabled(), 0u);
}

// ---- Interrupts

class IrqPendingTest : public testing::Test {
 protected:
  void Raise(Guest& guest, uint32_t irqs = 1u << 1) {
    ASSERT_TRUE(guest.Init().ok());
    LoadGate(guest, 33, kInterruptGateOfKernel);
    LoadGate(guest, 34, kInterruptGateOfKernel);
    guest.guest.pending_interrupts = irqs;
  }
};

TEST_F(IrqPendingTest, IrqPendingTellsThatOneWaits) {
  Guest guest({3, 10, 0});
  Raise(guest);
  const uint32_t field = guest.abi.data.irq_pending;
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.Field(field), kInterruptFlag);
  guest.data().set_irq_enabled(kInterruptFlag);
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.cpu.Get(Register::kEip), kHandler);
  EXPECT_EQ(guest.Field(field), 0u);
}

TEST_F(IrqPendingTest, IrqPendingStaysWhileAnotherWaits) {
  Guest guest({3, 10, 0});
  Raise(guest, 6);
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  guest.data().set_irq_enabled(kInterruptFlag);
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.guest.pending_interrupts, 4u);
  EXPECT_EQ(guest.Field(guest.abi.data.irq_pending), kInterruptFlag);
}

TEST_F(IrqPendingTest, BlockedInterruptIsNotPending) {
  Guest guest({3, 10, 0});
  Raise(guest);
  guest.Field(4, 1u << 1);  // blocked_interrupts
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.Field(guest.abi.data.irq_pending), 0u);
}

TEST_F(IrqPendingTest, GuestsBefore2631HaveNoIrqPending) {
  Guest guest({2, 6, 30});
  Raise(guest);
  const uint32_t ring_status = guest.Field(20);  // where later guests have irq_pending
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.Field(20), ring_status);
}

// VIRTIO_ABI.md §5.3. No boot is certain to meet an interrupt at this very instruction.
class NoirqIretTest : public IrqPendingTest {
 protected:
  static constexpr uint32_t kReturn = 0xc0099999;
  static constexpr uint32_t kFrameEflags = 0x10246 | 0x100;  // RF and TF, which a trap clears

  // The guest is at the iret, with its frame on the stack.
  void AtIret(Guest& guest) {
    guest.cpu.Set(Register::kEip, Guest::kIret);
    guest.data().set_irq_enabled(kInterruptFlag);
    guest.Poke(Guest::kStack, kReturn);
    guest.Poke(Guest::kStack + 4, kGuestKernelCs);
    guest.Poke(Guest::kStack + 8, kFrameEflags);
    guest.Poke(Guest::kStack - 4, 0x5a5a5a5a);
  }
};

TEST_F(NoirqIretTest, FrameOfTheIretIsReused) {
  Guest guest({4, 1, 0});
  Raise(guest);
  AtIret(guest);
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.cpu.Get(Register::kEip), kHandler);
  EXPECT_EQ(guest.cpu.Get(Register::kCs), kGuestKernelCs);
  EXPECT_EQ(guest.cpu.Get(Register::kEsp), Guest::kPageOffset + Guest::kStack);
  EXPECT_EQ(guest.cpu.Get(Register::kEflags), 0x246u);
  EXPECT_EQ(guest.data().irq_enabled(), 0u);
  EXPECT_EQ(guest.Peek(Guest::kStack), kReturn);
  EXPECT_EQ(guest.Peek(Guest::kStack + 4), uint32_t{kGuestKernelCs});
  EXPECT_EQ(guest.Peek(Guest::kStack + 8), kFrameEflags);
  EXPECT_EQ(guest.Peek(Guest::kStack - 4), 0x5a5a5a5au) << "something was pushed";
  EXPECT_EQ(guest.guest.pending_interrupts, 0u);
}

TEST_F(NoirqIretTest, OtherAddressesGetAFrame) {
  for (const uint32_t eip : {Guest::kIret - 1, Guest::kIret + 1}) {
    Guest guest({4, 1, 0});
    Raise(guest);
    AtIret(guest);
    guest.cpu.Set(Register::kEip, eip);
    ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
    EXPECT_EQ(guest.cpu.Get(Register::kEsp), Guest::kPageOffset + Guest::kStack - 12);
    EXPECT_EQ(guest.Peek(Guest::kStack - 12), eip);
  }
}

TEST_F(NoirqIretTest, UserCodeAtTheAddressGetsAFrame) {
  Guest guest({4, 1, 0});
  Raise(guest);
  AtIret(guest);
  guest.cpu.Set(Register::kCs, 0x73);
  guest.guest.kernel_esp = Guest::kPageOffset + Guest::kStack;
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.Peek(Guest::kStack - 20), Guest::kIret);
}

TEST_F(NoirqIretTest, FaultOfTheIretIsANormalTrap) {
  Guest guest({4, 1, 0});
  Raise(guest, 0);
  LoadGate(guest, 13, kInterruptGateOfKernel);
  AtIret(guest);
  ASSERT_TRUE(*DeliverTrap(guest.guest, 13, 0x70));
  EXPECT_EQ(guest.cpu.Get(Register::kEsp), Guest::kPageOffset + Guest::kStack - 16);
  EXPECT_EQ(guest.Peek(Guest::kStack - 16), 0x70u);
  EXPECT_EQ(guest.Peek(Guest::kStack - 12), Guest::kIret);
}

TEST_F(NoirqIretTest, FrameOutsideMemoryKills) {
  Guest guest({4, 1, 0});
  Raise(guest);
  AtIret(guest);
  guest.cpu.Set(Register::kEsp, Guest::kPageOffset + Guest::kMemorySize - 8);
  EXPECT_TRUE(absl::IsAborted(DeliverInterrupt(guest.guest)));
}

TEST_F(NoirqIretTest, GuestsUpTo40WaitInTheirWindow) {
  Guest guest({4, 0, 0});
  guest.Field(guest.abi.data.noirq_start, Guest::kIret - 8);
  guest.Field(guest.abi.data.noirq_end, Guest::kIret + 1);
  Raise(guest);
  AtIret(guest);
  ASSERT_TRUE(DeliverInterrupt(guest.guest).ok());
  EXPECT_EQ(guest.cpu.Get(Register::kEip), Guest::kIret);
  EXPECT_EQ(guest.guest.pending_interrupts, 2u);
}

}  // namespace
}  // namespace lguest::hostsim
