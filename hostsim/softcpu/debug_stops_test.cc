// Breakpoints and watchpoints of the software CPU.

#include "hostsim/debug_stops.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "hostsim/counted_runs.h"
#include "hostsim/softcpu/testing/soft_cpu_platform.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {
namespace {

class DebugStopsTest : public testing::Test {
 protected:
  DebugStopsTest() : machine_(SoftCpuPlatform("Counted", {.counts_instructions = true})) {}

  Vcpu::Stop Run() { return machine_.cpu->Run(handler_).value(); }
  DebugStops& debug() { return *machine_.cpu->debug_stops(); }
  uint64_t count() { return machine_.cpu->counted()->count(); }
  uint32_t eip() { return machine_.reg(Register::kEip); }

  TestMachine machine_;
  RecordingHandler handler_;
};

const MachineCode kIncrements = {
    0x40,        // 0: inc %eax
    0x40,        // 1: inc %eax
    0x43,        // 2: inc %ebx
    0x40,        // 3: inc %eax
    0xeb, 0xfa,  // 4: jmp 0
};

TEST_F(DebugStopsTest, StopsBeforeTheInstructionEachTimeItIsReached) {
  machine_.Load(1, kIncrements);
  debug().SetBreakpoint(kKernelCode + 2);
  for (uint32_t round = 0; round < 3; ++round) {
    ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
    EXPECT_EQ(debug().hit().kind, DebugHit::Kind::kInstruction);
    EXPECT_EQ(debug().hit().address, kKernelCode + 2);
    EXPECT_EQ(eip(), kKernelCode + 2);
    EXPECT_EQ(count(), 2 + 5 * round);
    EXPECT_EQ(machine_.reg(Register::kEax), 2 + 3 * round);
    EXPECT_EQ(machine_.reg(Register::kEbx), round);
    debug().PassBreakpoint();
  }
}

TEST_F(DebugStopsTest, BreakpointThatIsNotPassedStopsAgain) {
  machine_.Load(1, kIncrements);
  debug().SetBreakpoint(kKernelCode);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
    EXPECT_EQ(count(), 0u);
  }
}

TEST_F(DebugStopsTest, BreakpointInCodeThatHasRunAlreadyStops) {
  machine_.Load(1, kIncrements);
  machine_.cpu->counted()->StopAt(50);
  ASSERT_EQ(Run(), Vcpu::Stop::kCount);
  debug().SetBreakpoint(kKernelCode + 3);
  ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
  EXPECT_EQ(count(), 53u);
  EXPECT_EQ(eip(), kKernelCode + 3);
}

TEST_F(DebugStopsTest, RemovedBreakpointDoesNotStop) {
  machine_.Load(1, kIncrements);
  debug().SetBreakpoint(kKernelCode + 2);
  ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
  debug().RemoveBreakpoint(kKernelCode + 2);
  machine_.cpu->counted()->StopAt(1000);
  ASSERT_EQ(Run(), Vcpu::Stop::kCount);
  EXPECT_EQ(count(), 1000u);
  debug().SetBreakpoint(kKernelCode + 2);
  ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
  EXPECT_EQ(count(), 1002u);
}

TEST_F(DebugStopsTest, StopAtACountComesBeforeABreakpointThere) {
  machine_.Load(1, kIncrements);
  debug().SetBreakpoint(kKernelCode + 2);
  machine_.cpu->counted()->StopAt(2);
  EXPECT_EQ(Run(), Vcpu::Stop::kCount);
  EXPECT_EQ(Run(), Vcpu::Stop::kDebug);
  EXPECT_EQ(count(), 2u);
}

TEST_F(DebugStopsTest, StopsAtCountsAreExactBesideBreakpoints) {
  machine_.Load(1, kIncrements);
  debug().SetBreakpoint(kKernelCode + 2);
  debug().SetBreakpoint(kKernelCode + 3);
  for (uint64_t at = 1; at < 40; ++at) {
    machine_.cpu->counted()->StopAt(at);
    Vcpu::Stop stop = Run();
    while (stop == Vcpu::Stop::kDebug) {
      debug().PassBreakpoint();
      stop = Run();
    }
    ASSERT_EQ(stop, Vcpu::Stop::kCount);
    ASSERT_EQ(count(), at);
  }
}

TEST_F(DebugStopsTest, BreakpointInAPageThatIsNotMappedYet) {
  machine_.Load(3, {0xe8, 0, 0, 0, 0});
  debug().SetBreakpoint(0x50000000);
  machine_.Load(3, {0xb8, 0, 0, 0, 0x50, 0xff, 0xe0});  // mov $0x50000000,%eax; jmp *%eax
  ASSERT_EQ(Run(), Vcpu::Stop::kHandler);
  EXPECT_TRUE(IsPageFault(handler_.traps.at(0), 0x50000000, 4));
  machine_.Map(0x50000000, kCodePhys + kPageSize, kP | kU);
  ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
  EXPECT_EQ(eip(), 0x50000000u);
}

const MachineCode kStores = {
    0xa3, 0,    0, 0x20, 0xc0,        // mov %eax,0xc0200000
    0xa3, 4,    0, 0x20, 0xc0,        // mov %eax,0xc0200004
    0x8b, 0x0d, 0, 0,    0x20, 0xc0,  // mov 0xc0200000,%ecx
    0x40,                             // inc %eax
    0xeb, 0xed,                       // jmp to the start
};
constexpr uint32_t kWatched = kPageOffset + kFree;

TEST_F(DebugStopsTest, WatchedStoreStopsAfterItsInstruction) {
  machine_.Load(1, kStores);
  debug().SetWatchpoint({.address = kWatched + 4, .len = 4, .writes = true});
  for (uint32_t round = 0; round < 3; ++round) {
    ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
    EXPECT_EQ(debug().hit().kind, DebugHit::Kind::kAccess);
    EXPECT_EQ(debug().hit().address, kWatched + 4);
    EXPECT_TRUE(debug().hit().is_write);
    EXPECT_EQ(count(), 2 + 5 * round);
    EXPECT_EQ(eip(), kKernelCode + 10);
    EXPECT_EQ(machine_.Peek(kFree + 4), round);
  }
}

TEST_F(DebugStopsTest, WatchedLoadStops) {
  machine_.Load(1, kStores);
  debug().SetWatchpoint({.address = kWatched + 2, .len = 1, .reads = true});
  ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
  EXPECT_FALSE(debug().hit().is_write);
  EXPECT_EQ(debug().hit().address, kWatched + 2);
  EXPECT_EQ(count(), 3u);
  debug().RemoveWatchpoint({.address = kWatched + 2, .len = 1, .reads = true});
  machine_.cpu->counted()->StopAt(100);
  EXPECT_EQ(Run(), Vcpu::Stop::kCount);
}

TEST_F(DebugStopsTest, WatchpointChangesNoCountAndNoRegister) {
  const auto run = [](bool watches) {
    TestMachine machine(SoftCpuPlatform("Counted", {.counts_instructions = true}));
    machine.Load(1, kStores);
    // The same page as the stores.
    if (watches) {
      machine.cpu->debug_stops()->SetWatchpoint(
          {.address = kWatched + 4, .len = 4, .reads = true, .writes = true});
    }
    machine.cpu->counted()->StopAt(1003);
    RecordingHandler handler;
    while (machine.cpu->Run(handler).value() == Vcpu::Stop::kDebug) {
    }
    return std::array<uint64_t, 4>{machine.cpu->counted()->count(), machine.reg(Register::kEax),
                                   machine.reg(Register::kEcx), machine.reg(Register::kEip)};
  };
  EXPECT_EQ(run(true), run(false));
}

TEST_F(DebugStopsTest, StringInstructionStopsInTheMiddle) {
  machine_.Load(1, {
                       0xbf,
                       0,
                       0,
                       0x20,
                       0xc0,  // mov $0xc0200000,%edi
                       0xb9,
                       8,
                       0,
                       0,
                       0,  // mov $8,%ecx
                       0xf3,
                       0xab,  // rep stos
                       0xf4,
                   });
  debug().SetWatchpoint({.address = kWatched + 12, .len = 4, .writes = true});
  ASSERT_EQ(Run(), Vcpu::Stop::kDebug);
  EXPECT_EQ(machine_.reg(Register::kEcx), 4u);
  EXPECT_EQ(count(), 6u);
}

TEST_F(DebugStopsTest, PeekSetsNoAccessedBit) {
  machine_.Load(3, {0x90});
  machine_.Map(0x50000000, kFree, kP | kU);
  machine_.Poke(kFree + kPageSize - 4, 0x04030201);
  std::array<std::byte, 8> bytes = {};
  EXPECT_EQ(debug().Peek(GuestVirt(0x50000000 + kPageSize - 4), bytes), 4u);
  EXPECT_EQ(bytes[3], std::byte{4});
  EXPECT_EQ(machine_.Peek(machine_.TableEntry(0x50000000)) & kA, 0u);
  EXPECT_EQ(debug().Peek(GuestVirt(0x60000000), bytes), 0u);
}

TEST(DebugStopsOfferTest, CpuWithoutCountingOffersNone) {
  TestMachine machine(SoftCpuPlatform("Uncounted", {}));
  EXPECT_EQ(machine.cpu->debug_stops(), nullptr);
}

}  // namespace
}  // namespace lguest::hostsim
