// An instruction that faults changes no register and no flag, so that it can be restarted. Each of
// these bugs was found by comparison with a real processor (differential/).

#include <gtest/gtest.h>

#include <cstdint>

#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kPage = 0x50000000;  // not mapped at first
constexpr uint32_t kCarryFlag = 1;

// Runs `code` at ring 3. Maps a page at kPage at the first page fault, and returns the next trap.
Trap RunWithPageOnDemand(TestMachine& machine, const MachineCode& code) {
  machine.Load(3, code);
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (trap.vector != 14 || handler.traps.size() > 1) return false;
    machine.Map(kPage, kFree, kP | kW | kU);
    return true;
  };
  EXPECT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_EQ(handler.traps.size(), 2u);
  return handler.traps.back();
}

TEST(SoftCpuFaultTest, FaultingSetccKeepsFlags) {
  TestMachine machine;
  const Trap trap =
      RunWithPageOnDemand(machine, {
                                       0xb8, 5,     0,    0, 0,           // mov $5,%eax
                                       0x85, 0xc0,                        // test %eax,%eax
                                       0x0f, 0x9f,  0x05, 0, 0, 0, 0x50,  // setg kPage
                                       0x0f, 0x9f,  0xc3,                 // setg %bl
                                       0xcd, kDone,
                                   });
  EXPECT_TRUE(IsDone(trap));
  EXPECT_EQ(machine.Peek(kFree), 1u);
  EXPECT_EQ(machine.reg(Register::kEbx), 1u);
}

TEST(SoftCpuFaultTest, FaultingRotateKeepsCarry) {
  TestMachine machine;
  machine.Poke(kFree, 0x80000000);
  const Trap trap = RunWithPageOnDemand(machine, {
                                                     0xb8,
                                                     1,
                                                     0,
                                                     0,
                                                     0,  // mov $1,%eax
                                                     0x83,
                                                     0xf8,
                                                     0x02,  // cmp $2,%eax
                                                     0xd1,
                                                     0x15,
                                                     0,
                                                     0,
                                                     0,
                                                     0x50,  // rcll kPage
                                                     0xcd,
                                                     kDone,
                                                 });
  EXPECT_TRUE(IsDone(trap));
  EXPECT_EQ(machine.Peek(kFree), 1u);
  EXPECT_EQ(machine.reg(Register::kEflags) & kCarryFlag, 1u);
}

TEST(SoftCpuFaultTest, ReadModifyWriteFaultsAsWrite) {
  TestMachine machine;
  const MachineCode writers[] = {
      {0x01, 0x05, 0, 0, 0, 0x50},        // add %eax,kPage
      {0xff, 0x05, 0, 0, 0, 0x50},        // incl kPage
      {0xd1, 0x25, 0, 0, 0, 0x50},        // shll kPage
      {0x66, 0x87, 0x05, 0, 0, 0, 0x50},  // xchg %ax,kPage
      {0x0f, 0xb1, 0x05, 0, 0, 0, 0x50},  // cmpxchg %eax,kPage
  };
  for (const MachineCode& code : writers) {
    EXPECT_TRUE(IsPageFault(machine.Do(3, code), kPage, 6)) << int{code[0]};
  }
  EXPECT_TRUE(IsPageFault(machine.Do(3, {0x03, 0x05, 0, 0, 0, 0x50}), kPage, 4));  // add kPage,%eax
  EXPECT_TRUE(IsPageFault(machine.Do(3, {0xff, 0x35, 0, 0, 0, 0x50}), kPage, 4));  // push kPage
}

TEST(SoftCpuFaultTest, FetchAcrossPageEndFaultsAtThatInstruction) {
  TestMachine machine;
  constexpr uint32_t kEnd = kUserCodePages * kPageSize;
  machine.Load(3, {});
  machine.PokeBytes(kCodePhys + kEnd - 3, {0x40, 0x40, 0xb8});  // inc %eax; inc %eax; mov $?,%eax
  machine.cpu->Set(Register::kEip, kUserCode + kEnd - 3);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), kUserCode + kEnd, 4));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + kEnd - 1);
  EXPECT_EQ(machine.reg(Register::kEax), 2u);
}

TEST(SoftCpuFaultTest, NextResultReplacesFlagsSetByTheHandler) {
  TestMachine machine;
  machine.Load(3, {
                      0xcd,
                      0x80,  // int $0x80
                      0x31,
                      0xc0,  // xor %eax,%eax
                      0x9c,  // pushf
                      0x5b,  // pop %ebx
                      0xcd,
                      kDone,
                  });
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    machine.cpu->Set(Register::kEflags, 0x202 | kCarryFlag);
    return trap.vector == 0x80;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_EQ(machine.reg(Register::kEbx) & kCarryFlag, 0u);
}

TEST(SoftCpuFaultTest, LoopneKeepsFlagsWhenItEnds) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0xb9,
                                       3,
                                       0,
                                       0,
                                       0,  // mov $3,%ecx
                                       0xb8,
                                       1,
                                       0,
                                       0,
                                       0,     // mov $1,%eax
                                       0x43,  // 1: inc %ebx
                                       0x83,
                                       0xf8,
                                       0x02,  // cmp $2,%eax
                                       0xe0,
                                       0xfa,  // loopne 1b
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEbx), 3u);
  EXPECT_EQ(machine.reg(Register::kEcx), 0u);
  EXPECT_EQ(machine.reg(Register::kEflags) & 0x41, kCarryFlag);
}

TEST(SoftCpuFaultTest, Cmpxchg8bChangesOnlyStatusFlags) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0xb8,
                                       0xff,
                                       0xff,
                                       0x7f,
                                       0x7f,  // mov $0x7f7fffff,%eax
                                       0x05,
                                       0xff,
                                       0xff,
                                       0xff,
                                       0x7f,  // add $0x7fffffff,%eax
                                       0x0f,
                                       0xc7,
                                       0x4c,
                                       0x24,
                                       0xf0,  // cmpxchg8b -16(%esp)
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEflags) & ~0x8d5u, 0x202u);
}

}  // namespace
}  // namespace lguest::hostsim
