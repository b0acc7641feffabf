// Instructions, exceptions and registers. Machine code in all these tests has its assembly beside
// it.

#include "hostsim/softcpu/soft_cpu.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/softcpu/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {
namespace {

TEST(SoftCpuTest, RunsKernelAndUserCode) {
  TestMachine machine;
  for (const int ring : {1, 3}) {
    EXPECT_TRUE(IsDone(machine.Do(ring, {
                                            0xb8, 0x78, 0x56, 0x34, 0x12,  // mov $0x12345678,%eax
                                            0x50,                          // push %eax
                                            0x5b,                          // pop %ebx
                                            0xcd, kDone,                   // int $kDone
                                        })));
    EXPECT_EQ(machine.reg(Register::kEbx), 0x12345678u);
    EXPECT_EQ(PrivilegeLevel(*machine.cpu), static_cast<uint32_t>(ring));
  }
}

TEST(SoftCpuTest, SoftwareInterruptReportsTheNextInstruction) {
  TestMachine machine;
  const Trap trap = machine.Do(3, {0xcd, 0x80});  // int $0x80
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, 0x80);
  EXPECT_EQ(trap.error_code, 0u);
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 2);
}

TEST(SoftCpuTest, Int14IsNoPageFault) {
  TestMachine machine;
  const Trap trap = machine.Do(3, {0xcd, 14});
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, 14);
}

TEST(SoftCpuTest, BreakpointAndOverflowAreSoftwareInterrupts) {
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

TEST(SoftCpuTest, HandlerMayChangeRegistersAndGoOn) {
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

TEST(SoftCpuTest, HandlerMayChangeWhereToGoOn) {
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

TEST(SoftCpuTest, InvalidOpcodeTrapsAtTheInstructionAndCanBeResumed) {
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

TEST(SoftCpuTest, InvalidOpcodeStopsIfTheHandlerSaysSo) {
  TestMachine machine;
  EXPECT_TRUE(IsException(machine.Do(1, {0x0f, 0x0b}), 6));
  EXPECT_EQ(machine.reg(Register::kEip), kKernelCode);
}

TEST(SoftCpuTest, DivisionByZeroTrapsAtTheInstruction) {
  TestMachine machine;
  EXPECT_TRUE(IsException(machine.Do(3,
                                     {
                                         0x31, 0xc9,  // xor %ecx,%ecx
                                         0xf7, 0xf1,  // div %ecx
                                     }),
                          0));
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 2);
}

TEST(SoftCpuTest, BoundRangeExceeded) {
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

TEST(SoftCpuTest, ExceptionsInARowAreNoDoubleFault) {
  TestMachine machine;
  machine.Load(3, {0xa1, 0x00, 0x00, 0x00, 0x50});  // mov 0x50000000,%eax
  RecordingHandler handler;
  handler.resume = [&](const Trap&) { return handler.traps.size() < 5; };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  ASSERT_EQ(handler.traps.size(), 5u);
  for (const Trap& trap : handler.traps) EXPECT_TRUE(IsPageFault(trap, 0x50000000, 4));
}

TEST(SoftCpuTest, SingleStepTrapsAfterEachInstruction) {
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

TEST(SoftCpuTest, FlagsAreKeptAcrossATrap) {
  TestMachine machine;
  machine.Load(3, {
                      0xf9,  // stc
                      0xfd,  // std
                      0xcd,
                      0x80,  // int $0x80
                      0x9c,  // pushf
                      0x58,  // pop %eax
                      0xcd,
                      kDone,
                  });
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

TEST(SoftCpuTest, FlagsSetByTheHandlerReplaceAllOthers) {
  TestMachine machine;
  machine.Load(3, {
                      0xf9,  // stc
                      0xfd,  // std
                      0xcd,
                      0x80,  // int $0x80
                      0x9c,  // pushf
                      0x58,  // pop %eax
                      0xcd,
                      kDone,
                  });
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (trap.vector != 0x80) return false;
    machine.cpu->Set(Register::kEflags, 0x246);
    return true;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_EQ(machine.reg(Register::kEax), 0x246u);
}

TEST(SoftCpuTest, FlagsThatAGuestMustNotHaveCannotBeSet) {
  TestMachine machine;
  machine.Load(3, {0xcd, kDone});
  machine.cpu->Set(Register::kEflags, 0xffffffff);
  EXPECT_EQ(machine.reg(Register::kEflags) & 0x1a3000, 0u);  // VIP, VIF, VM, IOPL
}

TEST(SoftCpuTest, TaskSwitchedFlagMakesFpuTrapUntilCleared) {
  TestMachine machine;
  machine.cpu->SetTaskSwitched(true);
  EXPECT_TRUE(IsException(machine.Do(3, {0xd9, 0xe8}), 7));  // fld1
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode);
  EXPECT_TRUE(IsException(machine.Do(3, {0x0f, 0x28, 0xc1}), 7));  // movaps %xmm1,%xmm0
  EXPECT_TRUE(IsException(machine.Do(3, {0x9b}), 7));              // fwait
  machine.cpu->SetTaskSwitched(false);
  EXPECT_TRUE(IsDone(machine.Do(3, {0xd9, 0xe8, 0xcd, kDone})));
}

TEST(SoftCpuTest, FpuStateSurvivesTrapsAndStops) {
  TestMachine machine;
  machine.Load(3, {
                      0xd9,
                      0xe8,  // fld1
                      0xd9,
                      0xeb,  // fldpi
                      0xcd,
                      0x80,  // int $0x80
                      0xde,
                      0xc1,  // faddp
                      0x83,
                      0xec,
                      0x08,  // sub $8,%esp
                      0xdd,
                      0x1c,
                      0x24,  // fstpl (%esp)
                      0x58,  // pop %eax
                      0x5a,  // pop %edx
                      0xcd,
                      kDone,
                  });
  EXPECT_EQ(machine.RunToTrap().vector, 0x80);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  // 4.14159265358979...
  EXPECT_EQ(machine.reg(Register::kEdx), 0x401090fdu);
  EXPECT_EQ(machine.reg(Register::kEax), 0xaa22168cu);
}

TEST(SoftCpuTest, UnmaskedFpuExceptionTrapsAtTheNextFpuInstruction) {
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

TEST(SoftCpuTest, CpuidShowsOnlyWhatAGuestCanUse) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0xb8,
                                       1,
                                       0,
                                       0,
                                       0,  // mov $1,%eax
                                       0x0f,
                                       0xa2,  // cpuid
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEdx), 0x03808111u);  // FPU TSC CX8 CMOV MMX FXSR SSE
  EXPECT_EQ(machine.reg(Register::kEcx), 0u);
  EXPECT_TRUE(IsDone(machine.Do(3, {0x0f, 0xa2, 0xcd, kDone})));
  EXPECT_EQ(machine.reg(Register::kEax), 1u);
  EXPECT_EQ(machine.reg(Register::kEbx), 0x756e6547u);  // Genu
  EXPECT_EQ(machine.reg(Register::kEdx), 0x49656e69u);  // ineI
  EXPECT_EQ(machine.reg(Register::kEcx), 0x6c65746eu);  // ntel
}

TEST(SoftCpuTest, CpuidOfAnUnknownLeafIsZero) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0xb8,
                                       7,
                                       0,
                                       0,
                                       0,  // mov $7,%eax
                                       0x89,
                                       0xc3,  // mov %eax,%ebx
                                       0x0f,
                                       0xa2,  // cpuid
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEax), 0u);
  EXPECT_EQ(machine.reg(Register::kEbx), 0u);
}

TEST(SoftCpuTest, TimeStampCounterGoesOn) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0x0f,
                                       0x31,  // rdtsc
                                       0x89,
                                       0xc3,  // mov %eax,%ebx
                                       0x89,
                                       0xd1,  // mov %edx,%ecx
                                       0x0f,
                                       0x31,  // rdtsc
                                       0x29,
                                       0xd8,  // sub %ebx,%eax
                                       0x19,
                                       0xca,  // sbb %ecx,%edx
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEdx), 0u);
  EXPECT_NE(machine.reg(Register::kEax), 0u);
}

TEST(SoftCpuTest, TwoCpusInTwoThreadsDoNotDisturbEachOther) {
  const auto count = [](uint32_t* result) {
    TestMachine machine;
    machine.Load(3, {
                        0xb9,
                        0x40,
                        0x42,
                        0x0f,
                        0x00,  // mov $1000000,%ecx
                        0x50,  // 1: push %eax
                        0x5b,  // pop %ebx
                        0x40,  // inc %eax
                        0xe2,
                        0xfb,  // loop 1b
                        0xcd,
                        kDone,
                    });
    const Trap trap = machine.RunToTrap();
    *result = IsDone(trap) ? machine.reg(Register::kEax) : 0;
  };
  uint32_t first = 0;
  uint32_t second = 0;
  std::thread one(count, &first);
  std::thread two(count, &second);
  one.join();
  two.join();
  EXPECT_EQ(first, 1000000u);
  EXPECT_EQ(second, 1000000u);
}

TEST(SoftCpuTest, TwoCpusInOneThreadTakeTurns) {
  TestMachine one;
  TestMachine two;
  one.Load(3, {0x43, 0xcd, 0x80, 0x43, 0xcd, kDone});  // inc %ebx; int $0x80; inc %ebx; int
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    if (trap.vector != 0x80) return false;
    EXPECT_TRUE(IsDone(two.Do(1, {0xbb, 9, 0, 0, 0, 0xcd, kDone})));  // mov $9,%ebx; int
    return true;
  };
  ASSERT_TRUE(one.cpu->Run(handler).ok());
  EXPECT_TRUE(IsDone(handler.traps.back()));
  EXPECT_EQ(one.reg(Register::kEbx), 2u);
  EXPECT_EQ(two.reg(Register::kEbx), 9u);
}

TEST(SoftCpuTest, MemoryAtAddressZeroIsRefused) {
  auto memory = GuestMemory::Create(kPageSize, GuestMemory::Placement::kIdentity);
  if (!memory.ok()) GTEST_SKIP() << "no mapping at address 0 here: " << memory.status();
  EXPECT_EQ(SoftCpu::Create(**memory).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SoftCpuTest, StartRefusesAPageDirectoryOutsideMemory) {
  auto memory = GuestMemory::Create(2 * kPageSize);
  ASSERT_TRUE(memory.ok());
  auto cpu = SoftCpu::Create(**memory);
  ASSERT_TRUE(cpu.ok()) << cpu.status();
  EXPECT_EQ((*cpu)->Start(GuestPhys(2 * kPageSize), kPageOffset).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE((*cpu)->Start(GuestPhys(kPageSize), kPageOffset).ok());
}

TEST(SoftCpuTest, WritesToMemoryAfterTheCpuIsGoneAreHarmless) {
  auto memory = GuestMemory::Create(2 * kPageSize);
  ASSERT_TRUE(memory.ok());
  {
    auto cpu = SoftCpu::Create(**memory);
    ASSERT_TRUE(cpu.ok()) << cpu.status();
  }
  EXPECT_TRUE((*memory)->Write(GuestPhys(0), uint32_t{1}).ok());
}

}  // namespace
}  // namespace lguest::hostsim
