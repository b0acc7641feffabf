// Exact instruction counts: what counts, and stops at a count.

#include "hostsim/counted_runs.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "hostsim/testing/counted_guest.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kUnmapped = 0x50000000;

class CountedRunsTest : public testing::Test {
 protected:
  void SetUp() override { LGUEST_REQUIRE_CPU(kCountsInstructions); }
};

// Counts `code` up to its first trap.
uint64_t Count(int ring, const MachineCode& code) {
  TestMachine machine;
  machine.Do(ring, code);
  return machine.cpu->counted()->count();
}

TEST_F(CountedRunsTest, StraightCodeCountsEachInstruction) {
  EXPECT_EQ(Count(3, {0xcd, kDone}), 1u);
  EXPECT_EQ(Count(3, {0x43, 0x43, 0x50, 0x58, 0x90, 0xcd, kDone}), 6u);
}

TEST_F(CountedRunsTest, BranchesCountWhatRuns) {
  // xor %eax,%eax; jz 1f; inc %eax; inc %eax; 1: int
  EXPECT_EQ(Count(3, {0x31, 0xc0, 0x74, 0x02, 0x40, 0x40, 0xcd, kDone}), 3u);
  // mov $1000,%ecx; 1: inc %eax; loop 1b; int
  EXPECT_EQ(Count(3, {0xb9, 0xe8, 3, 0, 0, 0x40, 0xe2, 0xfd, 0xcd, kDone}), 2002u);
  // call 1f; int; 1: ret
  EXPECT_EQ(Count(3, {0xe8, 2, 0, 0, 0, 0xcd, kDone, 0xc3}), 3u);
}

TEST_F(CountedRunsTest, FaultInMidBlockCountsTheFaultingInstruction) {
  // inc %eax; inc %eax; mov 0x50000000,%eax; inc %eax; int
  EXPECT_EQ(Count(3, {0x40, 0x40, 0xa1, 0, 0, 0, 0x50, 0x40, 0xcd, kDone}), 3u);
  EXPECT_EQ(Count(3, {0x40, 0x31, 0xc9, 0xf7, 0xf1, 0x40, 0xcd, kDone}), 3u);  // inc; xor; div %ecx
  EXPECT_EQ(Count(3, {0x40, 0x0f, 0xa2, 0x8e, 0xd0, 0x40, 0xcd, kDone}), 3u);  // mov %eax,%ss
}

TEST_F(CountedRunsTest, RepeatedInstructionCountsAgain) {
  TestMachine machine;
  machine.Load(3, {0x40, 0xa1, 0, 0, 0, 0x50, 0xcd, kDone});  // inc; mov 0x50000000,%eax; int
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (IsDone(trap)) return false;
    EXPECT_EQ(machine.cpu->counted()->count(), 2u);
    machine.Map(kUnmapped, kFree, kP | kU);
    machine.cpu->FlushTlb();
    return true;
  };
  ASSERT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kHandler);
  EXPECT_EQ(handler.traps.size(), 2u);
  EXPECT_EQ(machine.cpu->counted()->count(), 4u);
}

TEST_F(CountedRunsTest, FetchFaultCounts) {
  EXPECT_EQ(Count(3, {0xb8, 0, 0, 0, 0x50, 0xff, 0xe0}), 3u);  // mov $0x50000000,%eax; jmp *%eax
}

TEST_F(CountedRunsTest, FetchFaultInMidInstructionCountsThatInstruction) {
  TestMachine machine;
  machine.Map(kUnmapped, kFree, kP | kU);
  machine.PokeBytes(kFree + kPageSize - 2, {0x43, 0xb8});  // inc %ebx; the start of a mov
  machine.Load(3, {});
  machine.cpu->Set(Register::kEip, kUnmapped + kPageSize - 2);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kUnmapped + kPageSize, 4));
  EXPECT_EQ(machine.reg(Register::kEbx), 1u);
  EXPECT_EQ(machine.cpu->counted()->count(), 2u);
}

TEST_F(CountedRunsTest, RepCountsEachIteration) {
  // mov $5,%ecx; mov %esp,%edi; sub $32,%edi; rep stosb; int
  EXPECT_EQ(Count(3, {0xb9, 5, 0, 0, 0, 0x89, 0xe7, 0x83, 0xef, 32, 0xf3, 0xaa, 0xcd, kDone}),
            3u + 6 + 1);
  // xor %ecx,%ecx; rep stosb; int
  EXPECT_EQ(Count(3, {0x31, 0xc9, 0xf3, 0xaa, 0xcd, kDone}), 3u);
  // mov $5,%ecx; mov %esp,%edi; rep stosb, which faults at once
  EXPECT_EQ(Count(3, {0xb9, 5, 0, 0, 0, 0x89, 0xe7, 0xf3, 0xaa, 0xcd, kDone}), 3u);
}

TEST_F(CountedRunsTest, SoftwareInterruptsCount) {
  EXPECT_EQ(Count(3, {0x40, 0xcd, 0x80, 0x40}), 2u);
  EXPECT_EQ(Count(3, {0x40, 0xcc, 0x40}), 2u);
  // mov $0x7f,%al; add $1,%al; into; inc %eax; int
  EXPECT_EQ(Count(3, {0xb0, 0x7f, 0x04, 1, 0xce, 0x40, 0xcd, kDone}), 3u);
  EXPECT_EQ(Count(3, {0xb0, 0x7e, 0x04, 1, 0xce, 0x40, 0xcd, kDone}), 5u);
}

TEST_F(CountedRunsTest, RefusedInstructionsCount) {
  const MachineCode refused[] = {
      {0xf4},              // hlt
      {0xec},              // in
      {0xee},              // out
      {0x0f, 0x20, 0xc0},  // mov %cr0,%eax
      {0x0f, 0x22, 0xd8},  // mov %eax,%cr3
      {0x0f, 0x06},        // clts
      {0x0f, 0x33},        // rdpmc
      {0x0f, 0x34},        // sysenter
      {0x0f, 0x05},        // syscall
      {0x0f, 0x0b},        // ud2
      {0xf0, 0x90},        // lock nop
      {0xff, 0xd8},        // a far call through a register
  };
  for (const int ring : {1, 3}) {
    for (const MachineCode& instruction : refused) {
      MachineCode code = {0x40, 0x40};
      code.insert(code.end(), instruction.begin(), instruction.end());
      code.insert(code.end(), {0x40, 0xcd, kDone});
      EXPECT_EQ(Count(ring, code), 3u) << ring << ": " << int{instruction[0]};
    }
  }
}

TEST_F(CountedRunsTest, ConditionalLoopsCount) {
  // mov $3,%ecx; xor %eax,%eax; 1: loope 1b; int
  EXPECT_EQ(Count(3, {0xb9, 3, 0, 0, 0, 0x31, 0xc0, 0xe1, 0xfe, 0xcd, kDone}), 6u);
}

TEST_F(CountedRunsTest, SelfModifyingCodeCountsEachInstructionOnce) {
  // incb 8(kCode); nop; mov $1,%ebx; int. The operand of the mov changes.
  EXPECT_EQ(Count(1, {0xfe, 0x05, 0x08, 0, 0x10, 0xc0, 0x90, 0xbb, 1, 0, 0, 0, 0xcd, kDone}), 4u);
}

// So many `enter` do not fit into one block of translated code.
TEST_F(CountedRunsTest, LongTranslationsCount) {
  MachineCode code = {0x89, 0xe5};                                         // mov %esp,%ebp
  for (int i = 0; i < 40; ++i) code.insert(code.end(), {0xc8, 0, 0, 31});  // enter $0,$31
  code.insert(code.end(), {0xcd, kDone});
  EXPECT_EQ(Count(1, code), 42u);
}

TEST_F(CountedRunsTest, LongRunsCount) {
  // mov $1000000,%ecx; 1: inc %eax; dec %ecx; jnz 1b; int
  EXPECT_EQ(Count(3, {0xb9, 0x40, 0x42, 0x0f, 0, 0x40, 0x49, 0x75, 0xfc, 0xcd, kDone}), 3000002u);
}

TEST_F(CountedRunsTest, StopIsBeforeTheInstruction) {
  TestMachine machine;
  machine.Load(3, {0x43, 0x43, 0x43, 0x43, 0xcd, kDone});
  machine.cpu->counted()->StopAt(3);
  RecordingHandler handler;
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kCount);
  EXPECT_EQ(machine.cpu->counted()->count(), 3u);
  EXPECT_EQ(machine.reg(Register::kEbx), 3u);
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 3);
  // A stop is reported once.
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kHandler);
  EXPECT_EQ(machine.cpu->counted()->count(), 5u);
}

TEST_F(CountedRunsTest, StopThatIsReachedStopsAtOnce) {
  TestMachine machine;
  machine.Load(3, {0x43, 0xcd, kDone});
  RecordingHandler handler;
  machine.cpu->counted()->StopAt(0);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kCount);
  EXPECT_EQ(machine.cpu->counted()->count(), 0u);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  machine.cpu->counted()->StopAt(1);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kCount);
  EXPECT_EQ(machine.cpu->counted()->count(), 2u);
}

TEST_F(CountedRunsTest, StopCanBeRemoved) {
  TestMachine machine;
  machine.Load(3, {0x43, 0x43, 0xcd, kDone});
  machine.cpu->counted()->StopAt(1);
  machine.cpu->counted()->StopAt(std::nullopt);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
}

TEST_F(CountedRunsTest, HandlerMayStopTheGuestBehindTheTrap) {
  for (const bool at_fault : {false, true}) {
    TestMachine machine;
    // int $0x80 or a page fault, which is skipped; inc %ebx; int
    machine.Load(3, at_fault ? MachineCode{0xa1, 0, 0, 0, 0x50, 0x43, 0xcd, kDone}
                             : MachineCode{0xcd, 0x80, 0x43, 0xcd, kDone});
    RecordingHandler handler;
    handler.resume = [&](const Trap& trap) {
      machine.cpu->counted()->StopAt(machine.cpu->counted()->count());
      if (at_fault) machine.cpu->Set(Register::kEip, kUserCode + 5);
      return !IsDone(trap);
    };
    EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kCount);
    EXPECT_EQ(machine.cpu->counted()->count(), 1u);
    EXPECT_EQ(machine.reg(Register::kEbx), 0u);
  }
}

TEST_F(CountedRunsTest, StopComesBeforeAFetchFault) {
  TestMachine machine;
  machine.Load(3, {0xb8, 0, 0, 0, 0x50, 0xff, 0xe0});  // mov $0x50000000,%eax; jmp *%eax
  RecordingHandler handler;
  machine.cpu->counted()->StopAt(2);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kCount);
  EXPECT_TRUE(handler.traps.empty());
  EXPECT_EQ(machine.reg(Register::kEip), kUnmapped);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kUnmapped, 4));
  EXPECT_EQ(machine.cpu->counted()->count(), 3u);
}

TEST_F(CountedRunsTest, KickIsNotLostAtAStop) {
  TestMachine machine;
  machine.Load(3, {0x43, 0x43, 0xcd, kDone});
  machine.cpu->counted()->StopAt(1);
  RecordingHandler handler;
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kCount);
  machine.cpu->Kick();
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kKicked);
  EXPECT_EQ(*machine.cpu->Run(handler), Vcpu::Stop::kHandler);
}

TEST_F(CountedRunsTest, TimeStampIsExactInMidBlock) {
  for (const std::optional<uint64_t> stop : {std::optional<uint64_t>(), {2}, {3}, {4}}) {
    TestMachine machine;
    // nop; nop; nop; rdtsc; mov %eax,%ebx; mov %edx,%ecx; rdtsc; int
    machine.Load(3,
                 {0x90, 0x90, 0x90, 0x0f, 0x31, 0x89, 0xc3, 0x89, 0xd1, 0x0f, 0x31, 0xcd, kDone});
    machine.cpu->counted()->SetTimeStamp(
        {.offset = (uint64_t{7} << 32) - 50, .per_instruction = 10});
    RecordingHandler handler;
    machine.cpu->counted()->StopAt(stop);
    while (*machine.cpu->Run(handler) != Vcpu::Stop::kHandler) {
    }
    EXPECT_EQ(machine.reg(Register::kEbx), 0xffffffecu);
    EXPECT_EQ(machine.reg(Register::kEcx), 6u);
    EXPECT_EQ(machine.reg(Register::kEax), 10u);
    EXPECT_EQ(machine.reg(Register::kEdx), 7u);
  }
}

TEST_F(CountedRunsTest, EveryStopHasTheStateOfSingleStepping) {
  constexpr uint8_t kRounds = 3;
  CountedGuest stepped(kRounds);
  for (uint64_t count = 0; count <= CountedGuest::Length(kRounds); ++count) {
    const CountedGuest::State expected = stepped.RunTo(count);
    ASSERT_EQ(expected.count, count);
    ASSERT_EQ(CountedGuest(kRounds).RunTo(count), expected) << count;
  }
}

TEST_F(CountedRunsTest, MoreStopsChangeNothing) {
  constexpr uint8_t kRounds = 100;
  const CountedGuest::State expected = CountedGuest(kRounds).RunTo(~uint64_t{0});
  EXPECT_EQ(expected.count, CountedGuest::Length(kRounds));
  for (const uint32_t seed : {1u, 2u, 3u}) {
    std::mt19937 random(seed);
    CountedGuest guest(kRounds);
    EXPECT_EQ(guest.RunWithStops([&](uint32_t) { return random() % (8 * seed); }), expected)
        << seed;
  }
}

}  // namespace
}  // namespace lguest::hostsim
