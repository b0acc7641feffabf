// Exceptions and software interrupts, and how the guest continues after them.

#include <gtest/gtest.h>

#include <cstdint>

#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {
namespace {

// Sets the carry and the direction flag, traps, and reads the flags into %eax.
MachineCode FlagsAroundATrap() {
  return {
      0xf9,        // stc
      0xfd,        // std
      0xcd, 0x80,  // int $0x80
      0x9c,        // pushf
      0x58,        // pop %eax
      0xcd, kDone,
  };
}

TEST(VcpuTrapTest, SoftwareInterruptReportsTheNextInstruction) {
  TestMachine machine;
  const Trap trap = machine.Do(3, {0xcd, 0x80});  // int $0x80
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, 0x80);
  EXPECT_EQ(trap.error_code, 0u);
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 2);
}

TEST(VcpuTrapTest, Int14IsNotAPageFault) {
  TestMachine machine;
  const Trap trap = machine.Do(3, {0xcd, 14});
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, 14);
}

TEST(VcpuTrapTest, BreakpointAndOverflowAreSoftwareInterrupts) {
  TestMachine machine;
  Trap trap = machine.Do(3, {0xcc});  // int3
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, 3);
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 1);
  trap = machine.Do(3, {
                           0xb0, 0x7f,  // mov $0x7f,%al
                           0xfe, 0xc0,  // inc %al
                           0xce,        // into
                       });
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, 4);
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 5);
}

TEST(VcpuTrapTest, HandlerMayChangeRegisters) {
  TestMachine machine;
  machine.Load(1, {
                      0xcd, 0x1f,   // int $0x1f
                      0x89, 0xc3,   // mov %eax,%ebx
                      0xcd, kDone,  // int $kDone
                  });
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    machine.cpu->Set(Register::kEax, 0xabcd);
    return trap.vector == 0x1f;
  };
  const auto stop = machine.cpu->Run(handler);
  ASSERT_TRUE(stop.ok()) << stop.status();
  EXPECT_EQ(*stop, Vcpu::Stop::kHandler);
  EXPECT_EQ(handler.traps.size(), 2u);
  EXPECT_EQ(machine.reg(Register::kEbx), 0xabcdu);
}

TEST(VcpuTrapTest, HandlerMayChangeEip) {
  TestMachine machine;
  machine.Load(1, {
                      0xcd, 0x1f,                    // int $0x1f
                      0xcd, 0x1e,                    // int $0x1e
                      0xbb, 0x01, 0x00, 0x00, 0x00,  // mov $1,%ebx
                      0xcd, kDone,                   // int $kDone
                  });
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    machine.cpu->Set(Register::kEip, kKernelCode + 4);
    return trap.vector == 0x1f;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_TRUE(IsDone(handler.traps.back()));
  EXPECT_EQ(handler.traps.size(), 2u);
  EXPECT_EQ(machine.reg(Register::kEbx), 1u);
}

TEST(VcpuTrapTest, InvalidOpcodeCanBeResumed) {
  TestMachine machine;
  machine.Load(3, {
                      0xbb, 0x01, 0x00, 0x00, 0x00,  // mov $1,%ebx
                      0x0f, 0x0b,                    // ud2
                      0x43,                          // inc %ebx
                      0xcd, kDone,                   // int $kDone
                  });
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (trap.vector != 6) return false;
    EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 5);
    machine.cpu->Set(Register::kEip, kUserCode + 7);
    return true;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  ASSERT_EQ(handler.traps.size(), 2u);
  EXPECT_TRUE(IsException(handler.traps[0], 6));
  EXPECT_TRUE(IsDone(handler.traps[1]));
  EXPECT_EQ(machine.reg(Register::kEbx), 2u);
}

TEST(VcpuTrapTest, HandlerCanStopAtInvalidOpcode) {
  TestMachine machine;
  EXPECT_TRUE(IsException(machine.Do(1, {0x0f, 0x0b}), 6));
  EXPECT_EQ(machine.reg(Register::kEip), kKernelCode);
}

TEST(VcpuTrapTest, DivisionByZeroTrapsAtTheInstruction) {
  TestMachine machine;
  EXPECT_TRUE(IsException(machine.Do(3,
                                     {
                                         0x31, 0xc9,  // xor %ecx,%ecx
                                         0xf7, 0xf1,  // div %ecx
                                     }),
                          0));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 2);
}

TEST(VcpuTrapTest, BoundRangeExceeded) {
  TestMachine machine;
  EXPECT_TRUE(IsException(machine.Do(3,
                                     {
                                         0x6a, 0x02,        // push $2 (upper)
                                         0x6a, 0x01,        // push $1 (lower)
                                         0xb8, 3, 0, 0, 0,  // mov $3,%eax
                                         0x62, 0x04, 0x24,  // bound %eax,(%esp)
                                     }),
                          5));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 9);
}

TEST(VcpuTrapTest, ConsecutiveExceptionsAreNoDoubleFault) {
  TestMachine machine;
  machine.Load(3, {0xa1, 0x00, 0x00, 0x00, 0x50});  // mov 0x50000000,%eax
  RecordingHandler handler;
  handler.resume = [&](const Trap&) { return handler.traps.size() < 5; };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  ASSERT_EQ(handler.traps.size(), 5u);
  for (const Trap& trap : handler.traps) EXPECT_TRUE(IsPageFault(trap, 0x50000000, 4));
}

TEST(VcpuTrapTest, SingleStepTrapsAfterEachInstruction) {
  TestMachine machine;
  machine.Load(3, {
                      0x43,         // inc %ebx
                      0x43,         // inc %ebx
                      0xcd, kDone,  // int $kDone
                  });
  machine.cpu->Set(Register::kEflags, 0x302);
  EXPECT_TRUE(IsException(machine.RunToTrap(), 1));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 1);
  EXPECT_EQ(machine.reg(Register::kEbx), 1u);
  EXPECT_TRUE(IsException(machine.RunToTrap(), 1));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 2);
  machine.cpu->Set(Register::kEflags, 0x202);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEbx), 2u);
}

TEST(VcpuTrapTest, FlagsAreKeptAcrossATrap) {
  TestMachine machine;
  machine.Load(3, FlagsAroundATrap());
  RecordingHandler handler;
  uint32_t seen = 0;
  handler.resume = [&](const Trap& trap) {
    seen = machine.reg(Register::kEflags);
    return trap.vector == 0x80;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_EQ(seen & 0x401, 0x401u);
  EXPECT_EQ(machine.reg(Register::kEax) & 0x401, 0x401u);
}

TEST(VcpuTrapTest, FaultAfterRotateKeepsEflagsValid) {
  LGUEST_REQUIRE_CPU(kExactEflags);
  TestMachine machine;
  machine.Load(3, {
                      0xd1, 0xc3,                 // rol %ebx
                      0xd0, 0x15, 0, 0, 0, 0x50,  // rclb 0x50000000
                  });
  machine.cpu->Set(Register::kEbx, 0x7fffffff);
  EXPECT_TRUE(IsPageFault(machine.RunToTrap(), 0x50000000, 6));
  EXPECT_EQ(machine.reg(Register::kEflags) & ~0x254fd7u, 0u);
  EXPECT_EQ(PrivilegeLevel(*machine.cpu), 3u);
  // The CPU itself must not have the flags either.
  EXPECT_TRUE(IsException(machine.Do(3, {0xfa}), 13));  // cli
  EXPECT_TRUE(IsDone(machine.Do(3, {0x65, 0x90, 0xcd, kDone})));
}

TEST(VcpuTrapTest, HandlerMayReplaceFlags) {
  TestMachine machine;
  machine.Load(3, FlagsAroundATrap());
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (trap.vector != 0x80) return false;
    machine.cpu->Set(Register::kEflags, 0x246);
    return true;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_EQ(machine.reg(Register::kEax), 0x246u);
}

TEST(VcpuTrapTest, FpuExceptionTrapsAtNextFpuInstruction) {
  TestMachine machine;
  EXPECT_TRUE(IsException(machine.Do(3,
                                     {
                                         0xdb, 0xe3,           // fninit
                                         0x68, 0x7b, 3, 0, 0,  // push $0x37b: ZE unmasked
                                         0xd9, 0x2c, 0x24,     // fldcw (%esp)
                                         0xd9, 0xe8,           // fld1
                                         0xd9, 0xee,           // fldz
                                         0xde, 0xf9,           // fdivrp
                                         0x9b,                 // fwait
                                     }),
                          16));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 16);
}

TEST(VcpuTrapTest, TaskSwitchedFlagMakesFpuTrapUntilCleared) {
  TestMachine machine;
  machine.cpu->SetTaskSwitched(true);
  EXPECT_TRUE(IsException(machine.Do(3, {0xd9, 0xe8}), 7));  // fld1
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode);
  EXPECT_TRUE(IsException(machine.Do(3, {0x0f, 0x28, 0xc1}), 7));  // movaps %xmm1,%xmm0
  EXPECT_TRUE(IsException(machine.Do(3, {0x9b}), 7));              // fwait
  machine.cpu->SetTaskSwitched(false);
  EXPECT_TRUE(IsDone(machine.Do(3, {0xd9, 0xe8, 0xcd, kDone})));
}

}  // namespace
}  // namespace lguest::hostsim
