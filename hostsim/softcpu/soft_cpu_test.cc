// Tests of instructions, registers, and several CPUs in one process.

#include "hostsim/softcpu/soft_cpu.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/base/testing/failing_system_call.h"
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

TEST(SoftCpuTest, SystemFlagsCannotBeSet) {
  TestMachine machine;
  machine.Load(3, {0xcd, kDone});
  machine.cpu->Set(Register::kEflags, 0xffffffff);
  EXPECT_EQ(machine.reg(Register::kEflags) & 0x1a3000, 0u);  // VIP, VIF, VM, IOPL
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

TEST(SoftCpuTest, FpuRegistersAreThoseOfTheGuest) {
  TestMachine machine;
  ASSERT_TRUE(IsDone(machine.Do(3, {
                                       0xd9, 0xe8,                    // fld1
                                       0xb8, 1, 2, 3, 4,              // mov $0x04030201,%eax
                                       0x50,                          // push %eax
                                       0xf3, 0x0f, 0x10, 0x0c, 0x24,  // movss (%esp),%xmm1
                                       0xcd, kDone,                   // int $kDone
                                   })));
  const FpuRegisters fpu = machine.cpu->fpu().value_or(FpuRegisters());
  EXPECT_EQ(fpu.status >> 11 & 7, 7);  // the top of the stack
  EXPECT_EQ(fpu.r[7].significand, uint64_t{1} << 63);
  EXPECT_EQ(fpu.r[7].sign_and_exponent, 0x3fff);
  EXPECT_EQ(fpu.tags, 0x3fff);  // only register 7 is in use
  EXPECT_EQ(fpu.xmm[1][0], 0x04030201u);
  EXPECT_EQ(fpu.xmm[1][1], 0u);
}

TEST(SoftCpuTest, CpuidShowsUsableFeaturesOnly) {
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
  EXPECT_EQ(machine.reg(Register::kEdx), 0x03808151u);  // FPU TSC CX8 CMOV MMX FXSR SSE
  EXPECT_EQ(machine.reg(Register::kEcx), 0u);
  EXPECT_TRUE(IsDone(machine.Do(3, {0x0f, 0xa2, 0xcd, kDone})));
  EXPECT_EQ(machine.reg(Register::kEax), 1u);
  EXPECT_EQ(machine.reg(Register::kEbx), 0x756e6547u);  // Genu
  EXPECT_EQ(machine.reg(Register::kEdx), 0x49656e69u);  // ineI
  EXPECT_EQ(machine.reg(Register::kEcx), 0x6c65746eu);  // ntel
}

TEST(SoftCpuTest, UnknownCpuidLeafIsZero) {
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

TEST(SoftCpuTest, TimeStampCounterIncreases) {
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

TEST(SoftCpuTest, TwoCpusRunInTwoThreads) {
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

TEST(SoftCpuTest, CpuRunsInsideTrapHandlerOfAnotherCpu) {
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

TEST(SoftCpuTest, CreateFailsForMemoryAtAddressZero) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer aborts a program that maps address 0";
#endif
  auto memory = GuestMemory::Create(kPageSize, GuestMemory::Placement::kIdentity);
  if (!memory.ok()) GTEST_SKIP() << "this user may not map address 0: " << memory.status();
  EXPECT_EQ(SoftCpu::Create(**memory).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SoftCpuTest, StartFailsForDirectoryOutsideMemory) {
  auto memory = GuestMemory::Create(2 * kPageSize);
  ASSERT_TRUE(memory.ok());
  auto cpu = SoftCpu::Create(**memory);
  ASSERT_TRUE(cpu.ok()) << cpu.status();
  EXPECT_EQ((*cpu)->Start(GuestPhys(2 * kPageSize), kPageOffset).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE((*cpu)->Start(GuestPhys(kPageSize), kPageOffset).ok());
}

TEST(SoftCpuTest, MemoryIsWritableAfterCpuIsDestroyed) {
  auto memory = GuestMemory::Create(2 * kPageSize);
  ASSERT_TRUE(memory.ok());
  {
    auto cpu = SoftCpu::Create(**memory);
    ASSERT_TRUE(cpu.ok()) << cpu.status();
  }
  EXPECT_TRUE((*memory)->Write(GuestPhys(0), uint32_t{1}).ok());
}

TEST(SoftCpuTest, NoExecutableMemoryIsAnError_F12) {
  const auto memory = GuestMemory::Create(16 * kPageSize).value();
  EXPECT_EQ(RunWithFault({.number = SYS_mmap,
                          .error = EACCES,
                          .argument = 2,
                          .value = PROT_READ | PROT_WRITE | PROT_EXEC},
                         [&] {
                           const absl::Status error = SoftCpu::Create(*memory).status();
                           return absl::IsPermissionDenied(error) ? 42 : 1;
                         }),
            42);
}

}  // namespace
}  // namespace lguest::hostsim
