// Tests of all hypercalls of ABI.md §4.1, and of the arguments that kill the guest.

#include "hostsim/hypercalls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "hostsim/testing/scripted_machine.h"

namespace lguest::hostsim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kTop = ScriptedMachine::kMemorySize;
constexpr uint32_t kFree = 0x5000;  // a page that Script::Init() does not use

// The reason of death of a guest that runs `script`.
std::string DeathOf(const Script& script) {
  ScriptedMachine machine(script);
  std::string death = machine.Death();
  EXPECT_THAT(machine.cpu().failures(), IsEmpty());
  return death;
}

TEST(LguestInitTest, WritesLguestData) {
  ScriptedMachine machine(Script().Init().Crash("x"));
  machine.Death();
  const LguestData data = machine.memory().Read<LguestData>(Script::kData).value();
  EXPECT_EQ(data.reserve_mem, 4u << 20);
  EXPECT_EQ(data.tsc_khz, ScriptedMachine::kTscKhz);
  EXPECT_EQ(data.guestid, ScriptedMachine::kGuestId);
  EXPECT_EQ(data.time.sec, 1u);
}

TEST(LguestInitTest, MustBeTheFirstHypercall) {
  EXPECT_EQ(DeathOf(Script().Call(Hypercall::kFlushAsync)), "hypercall 0 before LGUEST_INIT");
  EXPECT_EQ(DeathOf(Script().Crash("x")), "hypercall 2 before LGUEST_INIT");
}

TEST(LguestInitTest, SecondCallKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLguestInit, Script::kData.value())),
            "already have lguest_data");
}

TEST(LguestInitTest, DataMustBeInGuestMemory) {
  EXPECT_EQ(DeathOf(Script().Call(Hypercall::kLguestInit, kTop - 1127)), "bad guest page 0000fb99");
  EXPECT_EQ(DeathOf(Script().Call(Hypercall::kLguestInit, 0xfffffff0)), "bad guest page fffffff0");
}

TEST(LguestInitTest, DataMayEndAtTheTop) {
  const std::string idle_ring(kHypercallRingSize, static_cast<char>(kHypercallDone));
  EXPECT_EQ(DeathOf(Script()
                        .Put(kTop - 1128 + 20, idle_ring)
                        .Call(Hypercall::kLguestInit, kTop - 1128)
                        .Crash("x")),
            "CRASH: x");
}

TEST(CrashTest, ReasonIsReported) {
  EXPECT_EQ(DeathOf(Script().Init().Crash("test reason")), "CRASH: test reason");
}

TEST(CrashTest, ReasonIsTruncatedAfter127Bytes) {
  EXPECT_EQ(DeathOf(Script().Init().Crash(std::string(300, 'a'))),
            "CRASH: " + std::string(127, 'a'));
}

TEST(CrashTest, ReasonMustBeInGuestMemory) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kCrash, kTop - 127)),
            "bad read address 0xff81 len 128");
}

// The real host ends this reason with a line feed (ABI.md §4.18).
TEST(UnknownHypercallTest, KillsTheGuest_F30) {
  for (const uint32_t number : {11u, 17u, 1000u}) {
    EXPECT_EQ(DeathOf(Script().Init().Call(static_cast<Hypercall>(number))),
              "Bad hypercall " + std::to_string(number) + "\n");
  }
  EXPECT_EQ(DeathOf(Script().Init().Call(static_cast<Hypercall>(0xffffffff))),
            "Bad hypercall -1\n");
}

TEST(PageTableTest, NewPgtableSwitchesDirectory) {
  ScriptedMachine machine(Script().Init().Call(Hypercall::kNewPgtable, kFree).Crash("x"));
  machine.Death();
  EXPECT_EQ(machine.cpu().page_directory(), GuestPhys(kFree));
}

TEST(PageTableTest, DirectoryMustBeInGuestMemory) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kNewPgtable, kTop - 4095)),
            "bad read address 0xf001 len 4096");
}

TEST(PageTableTest, FlushesReachTheCpu) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Call(Hypercall::kFlushTlb, 1)
                              .Call(Hypercall::kFlushTlb, 0)
                              .Call(Hypercall::kSetPte, kFree, 0xc0123456, 7)
                              .Call(Hypercall::kSetPmd, kFree, 768)
                              .Call(Hypercall::kSetPmd, kFree, 1023)
                              .Crash("x"));
  machine.Death();
  EXPECT_THAT(machine.cpu().flushes(),
              ElementsAre("all", "user", "page 0xc0123000 of 0x5000", "entry 768 of 0x5000"));
}

TEST(PageTableTest, SetPteChecksPresentEntries) {
  const auto set_pte = [](uint32_t entry) {
    ScriptedMachine machine(Script().Init().Call(Hypercall::kSetPte, kFree, 0, entry).Crash("x"));
    return machine.Death();
  };
  constexpr uint32_t kLastPage = ScriptedMachine::kMemorySize - kPageSize;
  EXPECT_EQ(set_pte(kLastPage | 0x67), "CRASH: x");
  EXPECT_EQ(set_pte((kLastPage + kPageSize) | 1), "bad page table entry");
  EXPECT_EQ(set_pte(kFree | 0x81), "bad page table entry");
  EXPECT_EQ(set_pte(kFree | 0x09), "bad page table entry");
  EXPECT_EQ(set_pte(0xfffffffe), "CRASH: x") << "the entry is not present";
}

TEST(PageTableTest, SetPmdChecksPresentEntries) {
  const auto set_pmd = [](uint32_t directory, uint32_t entry) {
    ScriptedMachine machine(
        Script().Init().Put32(kFree + 4, entry).Call(Hypercall::kSetPmd, directory, 1).Crash("x"));
    return machine.Death();
  };
  EXPECT_EQ(set_pmd(kFree, 0x1067), "CRASH: x");
  EXPECT_EQ(set_pmd(kFree, ScriptedMachine::kMemorySize | 1), "bad page directory entry");
  EXPECT_EQ(set_pmd(kFree, 0x1081), "bad page directory entry");
  EXPECT_EQ(set_pmd(kFree, 0xfffffffe), "CRASH: x") << "the entry is not present";
  EXPECT_EQ(set_pmd(0xfffff000, 0), "CRASH: x") << "the directory is not in guest memory";
}

TEST(TaskSwitchedTest, FlagIsSetAndCleared) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Call(Hypercall::kTs, 8)
                              .Send(DmaKey(0), GuestPhys(0))
                              .Call(Hypercall::kTs, 0));
  machine.Run();
  EXPECT_TRUE(machine.cpu().task_switched());
  machine.Run();
  EXPECT_FALSE(machine.cpu().task_switched());
}

TEST(SegmentsTest, LoadGdtReachesTheCpu) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Put(kFree, std::string("\xff\xff\x00\x00\x00\x93\xcf\x00", 8))
                              .Call(Hypercall::kLoadGdt, kFree, 1)
                              .Call(Hypercall::kLoadTls, kFree)
                              .Crash("x"));
  machine.Death();
  EXPECT_EQ(machine.cpu().gdt()[0], 0x00cfb3000000ffffu);
  EXPECT_EQ(machine.cpu().gdt()[6], 0x00cfb3000000ffffu);
  EXPECT_EQ(machine.cpu().gdt()[7], 0u);
}

TEST(SegmentsTest, InvalidTableKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLoadGdt, kFree, 33)),
            "too many gdt entries 33");
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLoadGdt, kTop - 8, 2)),
            "bad read address 0xfff8 len 16");
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLoadTls, kTop)),
            "bad read address 0x10000 len 24");
}

TEST(GatesTest, TaskGateKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kLoadIdtEntry, 3, 0, 0x8500)),
            "bad IDT type 5");
}

TEST(StackTest, InvalidStackKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kSetStack, 0x68, 0, 1)),
            "bad stack segment 104");
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kSetStack, 0x69, 0, 3)), "bad stack pages 3");
  EXPECT_EQ(DeathOf(Script().Init().Call(Hypercall::kSetStack, 0x69, 0, 2).Crash("x")), "CRASH: x");
}

TEST(BindDmaTest, ResultIsReturned) {
  EXPECT_EQ(DeathOf(Script()
                        .Init()
                        .Bind(DmaKey(kFree), GuestPhys(0x6000), 1, 31)
                        .ExpectResult(1)
                        .Bind(DmaKey(kFree), GuestPhys(0x6000), 1, 32)
                        .ExpectResult(0)
                        .Unbind(DmaKey(kFree), GuestPhys(0x7000))
                        .ExpectResult(0)
                        .Unbind(DmaKey(kFree), GuestPhys(0x6000))
                        .ExpectResult(1)
                        .Unbind(DmaKey(kFree), GuestPhys(0x6000))
                        .ExpectResult(0)
                        .Crash("x")),
            "CRASH: x");
}

TEST(BindDmaTest, Binding33Fails) {
  Script script;
  script.Init();
  for (uint32_t i = 0; i < kMaxDmaBindings; ++i) {
    script.Bind(DmaKey(4 * i), GuestPhys(0x6000), 1, 1).ExpectResult(1);
  }
  script.Bind(DmaKey(4 * kMaxDmaBindings), GuestPhys(0x6000), 1, 1).ExpectResult(0).Crash("x");
  EXPECT_EQ(DeathOf(script), "CRASH: x");
}

TEST(BindDmaTest, ManyBuffersAreBound) {
  constexpr uint32_t kBuffers = 300;
  constexpr DmaKey kKey(4);
  Script script;
  script.Init().Bind(kKey, GuestPhys(kFree), kBuffers, 3).ExpectResult(1);
  ScriptedMachine machine(script.Send(kKey, GuestPhys(kFree)));
  for (uint32_t i = 0; i < kBuffers; ++i) {
    const GuestPhys dma(kFree + i * uint32_t{sizeof(Dma)});
    ASSERT_TRUE(machine.memory().Write(dma, i + 1 == kBuffers ? 0u : 1u).ok());
  }
  ASSERT_TRUE(std::holds_alternative<DmaSent>(machine.Run()));
  EXPECT_EQ(machine.host().GetDma(kKey)->dma,
            GuestPhys(kFree + (kBuffers - 1) * uint32_t{sizeof(Dma)}));
  // None is free any more.
  ASSERT_TRUE(
      machine.memory().Write(GuestPhys(kFree + (kBuffers - 1) * uint32_t{sizeof(Dma)}), 1u).ok());
  EXPECT_TRUE(absl::IsNotFound(machine.host().GetDma(kKey).status()));
}

TEST(BindDmaTest, BadKeyKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Bind(DmaKey(kTop), GuestPhys(0x6000), 1, 1)),
            "bad dma key 0x10000");
  EXPECT_EQ(DeathOf(Script().Init().Bind(DmaKey(2), GuestPhys(0x6000), 1, 1)), "bad dma key 0x2");
}

TEST(SendDmaTest, DmaIsPassedUnchecked) {
  ScriptedMachine machine(Script().Init().Send(DmaKey(kFree), GuestPhys(0xfffffff0)).Crash("x"));
  const Exit exit = machine.Run();
  ASSERT_TRUE(std::holds_alternative<DmaSent>(exit));
  EXPECT_EQ(std::get<DmaSent>(exit).dma, GuestPhys(0xfffffff0));
  EXPECT_EQ(std::get<DmaSent>(exit).key, DmaKey(kFree));
  EXPECT_EQ(machine.Death(), "CRASH: x");
}

TEST(SendDmaTest, BadKeyKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Send(DmaKey(kTop), GuestPhys(0))), "bad sending DMA key");
  EXPECT_EQ(DeathOf(Script().Init().Send(DmaKey(1), GuestPhys(0))), "bad sending DMA key");
}

TEST(RingTest, DrainedBeforeDirectHypercall) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Ring(Hypercall::kFlushTlb, 1)
                              .Ring(Hypercall::kFlushTlb, 0)
                              .Call(Hypercall::kSetPmd, kFree, 1)
                              .Expect(Script::kData.value() + 20, "\xff\xff")
                              .Crash("x"));
  EXPECT_EQ(machine.Death(), "CRASH: x");
  EXPECT_THAT(machine.cpu().flushes(), ElementsAre("all", "user", "entry 1 of 0x5000"));
  EXPECT_THAT(machine.cpu().failures(), IsEmpty());
}

TEST(RingTest, DrainedAtEachTrap) {
  ScriptedMachine machine(Script().Init().Ring(Hypercall::kFlushTlb, 1).Trap(7).Crash("x"));
  machine.Death();
  EXPECT_THAT(machine.cpu().flushes(), ElementsAre("all"));
}

TEST(RingTest, PausesUntilDmaIsServed) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Ring(Hypercall::kSendDma, 0, 0x100)
                              .Ring(Hypercall::kSendDma, 0, 0x200)
                              .Call(Hypercall::kFlushTlb, 1)
                              .Crash("x"));
  EXPECT_EQ(std::get<DmaSent>(machine.Run()).dma, GuestPhys(0x100));
  EXPECT_EQ(std::get<DmaSent>(machine.Run()).dma, GuestPhys(0x200));
  EXPECT_THAT(machine.cpu().flushes(), IsEmpty()) << "the direct hypercall waits for both";
  EXPECT_EQ(machine.Death(), "CRASH: x");
  EXPECT_THAT(machine.cpu().flushes(), ElementsAre("all"));
}

TEST(RingTest, WrapsAroundAfter64Calls) {
  Script script;
  script.Init();
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < 40; ++i) script.Ring(Hypercall::kFlushTlb, 1);
    script.Call(Hypercall::kFlushAsync);
  }
  ScriptedMachine machine(script.Crash("x"));
  EXPECT_EQ(machine.Death(), "CRASH: x");
  EXPECT_EQ(machine.cpu().flushes().size(), 120u);
}

TEST(RingTest, BadCallKillsTheGuest) {
  EXPECT_EQ(DeathOf(Script().Init().Ring(static_cast<Hypercall>(99)).Call(Hypercall::kFlushAsync)),
            "Bad hypercall 99\n");
}

TEST(RingTest, CallThatKillsTheGuestIsNotDone) {
  ScriptedMachine machine(Script()
                              .Init()
                              .Ring(Hypercall::kFlushAsync)
                              .Ring(Hypercall::kCrash, kFree)
                              .Call(Hypercall::kFlushAsync));
  EXPECT_EQ(machine.Death(), "CRASH: ");
  const LguestData data = machine.memory().Read<LguestData>(Script::kData).value();
  EXPECT_EQ(data.hcall_status[0], kHypercallDone);
  EXPECT_NE(data.hcall_status[1], kHypercallDone);
}

TEST(RingTest, ResultOfBindDmaIsDiscarded) {
  EXPECT_EQ(DeathOf(Script()
                        .Init()
                        .Ring(Hypercall::kBindDma, kFree, 0x6000, 0x101)
                        .Call(Hypercall::kFlushAsync)
                        .ExpectResult(static_cast<uint32_t>(Hypercall::kFlushAsync))
                        .Crash("x")),
            "CRASH: x");
}

}  // namespace
}  // namespace lguest::hostsim
