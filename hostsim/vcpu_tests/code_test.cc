// Changing code: the CPU must notice changes of code that it has translated.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

// A function at kFunction that puts its operand into %ebx.
constexpr uint32_t kFunction = kCodePhys + kPageSize;
const MachineCode kReturn1 = {0xbb, 1, 0, 0, 0, 0xc3};  // mov $1,%ebx; ret

// call kFunction (seen from the start of the code pages); int $kDone
const MachineCode kCallFunction = {0xe8, 0xfb, 0x0f, 0, 0, 0xcd, kDone};

TEST(VcpuCodeTest, HostWriteReplacesCode) {
  TestMachine machine;
  machine.PokeBytes(kFunction, kReturn1);
  for (const int ring : {1, 3}) {
    for (uint8_t value = 1; value < 5; ++value) {
      machine.PokeBytes(kFunction + 1, {value});
      ASSERT_TRUE(IsDone(machine.Do(ring, kCallFunction)));
      EXPECT_EQ(machine.reg(Register::kEbx), value);
    }
  }
}

TEST(VcpuCodeTest, HostWriteInTrapHandlerReplacesCode) {
  TestMachine machine;
  machine.PokeBytes(kFunction, kReturn1);
  machine.Load(1, {
                      0xe8,
                      0xfb,
                      0x0f,
                      0,
                      0,  // call kFunction
                      0xcd,
                      0x1f,  // int $0x1f
                      0xe8,
                      0xf4,
                      0x0f,
                      0,
                      0,  // call kFunction
                      0xcd,
                      kDone,
                  });
  RecordingHandler handler;
  handler.resume = [&](const Trap& trap) {
    machine.PokeBytes(kFunction + 1, {7});
    return trap.vector == 0x1f;
  };
  ASSERT_TRUE(machine.cpu->Run(handler).ok());
  EXPECT_EQ(handler.traps.size(), 2u);
  EXPECT_EQ(machine.reg(Register::kEbx), 7u);
}

TEST(VcpuCodeTest, BulkHostWriteReplacesCodeInEachPage) {
  TestMachine machine;
  machine.PokeBytes(kFunction, kReturn1);
  ASSERT_TRUE(IsDone(machine.Do(3, kCallFunction)));
  auto range = machine.memory->MutableRange(GuestPhys(kCodePhys + 100), 3 * kPageSize);
  ASSERT_TRUE(range.ok());
  std::memset(range->data() + (kFunction - kCodePhys - 100), 0xcc, 1);  // int3
  machine.memory->NotifyWritten(GuestPhys(kCodePhys + 100), 3 * kPageSize);
  EXPECT_EQ(machine.Do(3, kCallFunction).vector, 3);
}

TEST(VcpuCodeTest, GuestWriteThroughAnotherMappingReplacesCode) {
  TestMachine machine;
  machine.PokeBytes(kFunction, kReturn1);
  machine.Load(1, {
                      0xe8, 0xfb,  0x0f, 0,    0,                 // call kFunction
                      0x89, 0xd8,                                 // mov %ebx,%eax
                      0xc6, 0x05,  0x01, 0x10, 0x10, 0xc0, 0x05,  // movb $5,kFunction+1
                      0xe8, 0xed,  0x0f, 0,    0,                 // call kFunction
                      0xcd, kDone,
                  });
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEax), 1u);
  EXPECT_EQ(machine.reg(Register::kEbx), 5u);
}

TEST(VcpuCodeTest, CodeMayChangeTheNextInstruction) {
  LGUEST_REQUIRE_CPU(kExactSelfModification);
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(1, {
                                       0xc6,
                                       0x05,
                                       0x08,
                                       0,
                                       0x10,
                                       0xc0,
                                       0x09,  // movb $9,8(kCode)
                                       0xbb,
                                       1,
                                       0,
                                       0,
                                       0,  // mov $1,%ebx
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEbx), 9u);
}

TEST(VcpuCodeTest, LoopThatRewritesItselfSeesEachVersion) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(1, {
                                       0xb9,
                                       100,
                                       0,
                                       0,
                                       0,  // mov $100,%ecx
                                       0x83,
                                       0xc3,
                                       0x00,  // 5: add $0,%ebx
                                       0xfe,
                                       0x05,
                                       0x07,
                                       0,
                                       0x10,
                                       0xc0,  // incb 7(kCode)
                                       0xe2,
                                       0xf5,  // loop 5
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEbx), 4950u);
}

TEST(VcpuCodeTest, StringInstructionReplacesCode) {
  TestMachine machine;
  machine.PokeBytes(kFunction, kReturn1);
  machine.PokeBytes(kFree, {0xbb, 8, 0, 0, 0, 0xc3});
  machine.Load(1, {
                      0xe8, 0xfb,  0x0f, 0,    0,     // call kFunction
                      0xbe, 0x00,  0,    0x20, 0xc0,  // mov $kFree,%esi
                      0xbf, 0x00,  0x10, 0x10, 0xc0,  // mov $kFunction,%edi
                      0xb9, 6,     0,    0,    0,     // mov $6,%ecx
                      0xf3, 0xa4,                     // rep movsb
                      0xe8, 0xe5,  0x0f, 0,    0,     // call kFunction
                      0xcd, kDone,
                  });
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEbx), 8u);
}

TEST(VcpuCodeTest, CodePageIsReusableForDataAndCode) {
  TestMachine machine;
  machine.PokeBytes(kFunction, kReturn1);
  for (uint8_t round = 1; round < 4; ++round) {
    ASSERT_TRUE(IsDone(machine.Do(1, kCallFunction)));
    ASSERT_EQ(machine.reg(Register::kEbx), round);
    // Overwrites the whole page, then writes the next function to it.
    ASSERT_TRUE(IsDone(machine.Do(1, {
                                         0xbf, 0x00,
                                         0x10, 0x10,
                                         0xc0,  // mov $kFunction,%edi
                                         0xb9, 0x00,
                                         0x04, 0,
                                         0,           // mov $0x400,%ecx
                                         0xf3, 0xab,  // rep stosl
                                         0xc7, 0x05,
                                         0x00, 0x10,
                                         0x10, 0xc0,  // movl ...,kFunction
                                         0xbb, static_cast<uint8_t>(round + 1),
                                         0,    0,
                                         0xc7, 0x05,
                                         0x04, 0x10,
                                         0x10, 0xc0,  // movl ...,kFunction+4
                                         0,    0xc3,
                                         0,    0,
                                         0xcd, kDone,
                                     })));
  }
}

TEST(VcpuCodeTest, AliasedCodeFollowsTheSameBytes) {
  TestMachine machine;
  machine.Map(0x50000000, kFunction, kP | kU);
  machine.PokeBytes(kFunction, {0xcd, 0x41});                  // int $0x41
  const MachineCode jump = {0xb8, 0, 0, 0, 0x50, 0xff, 0xe0};  // jmp *0x50000000
  EXPECT_EQ(machine.Do(3, jump).vector, 0x41);
  EXPECT_EQ(machine.Do(3, kCallFunction).vector, 0x41);
  machine.PokeBytes(kFunction, {0xcd, 0x42});
  EXPECT_EQ(machine.Do(3, jump).vector, 0x42);
  EXPECT_EQ(machine.Do(3, kCallFunction).vector, 0x42);
}

TEST(VcpuCodeTest, InstructionAcrossPagesFollowsRemap) {
  LGUEST_REQUIRE_CPU(kTablesChangeUnseen);
  // An instruction across two pages. The second page is then replaced by another.
  TestMachine machine;
  constexpr uint32_t kEdge = kPageSize - 2;
  const auto put = [&](uint32_t phys, uint8_t value) {
    machine.PokeBytes(phys, {value, 0, 0, 0xcd, kDone});
  };
  machine.Map(0x50000000, kFree, kP | kU);
  machine.Map(0x50001000, kFree + kPageSize, kP | kU);
  machine.PokeBytes(kFree + kEdge, {0xbb, 0});  // mov $0x..00,%ebx
  put(kFree + kPageSize, 1);
  put(kFree + 2 * kPageSize, 2);
  const auto run = [&] {
    machine.Load(3, {});
    machine.cpu->Set(Register::kEip, 0x50000000 + kEdge);
    EXPECT_TRUE(IsDone(machine.RunToTrap()));
    return machine.reg(Register::kEbx);
  };
  EXPECT_EQ(run(), 0x100u);
  machine.Map(0x50001000, kFree + 2 * kPageSize, kP | kU);
  machine.cpu->FlushPage(GuestPhys(kDirectory), GuestVirt(0x50001000));
  EXPECT_EQ(run(), 0x200u);
  put(kFree + 2 * kPageSize, 3);
  EXPECT_EQ(run(), 0x300u);
}

// The library keeps translations until its buffer is full, then discards all of them.
TEST(VcpuCodeTest, FullTranslationBufferKeepsFaultAddress) {
  constexpr uint32_t kRounds = 800;
  constexpr uint32_t kAdditions = 500;
  MachineCode code = {0xb8, 0, 0, 0, 0};  // mov $round,%eax
  for (uint32_t i = 0; i < kAdditions; ++i) {
    code.insert(code.end(), {0x03, 0x44, 0x24, 0xfc});  // add -4(%esp),%eax
  }
  code.insert(code.end(), {0xa1, 0, 0, 0, 0x50});  // mov 0x50000000,%eax
  TestMachine machine;
  for (uint32_t round = 0; round < kRounds; ++round) {
    std::memcpy(&code[1], &round, sizeof(round));
    ASSERT_TRUE(IsPageFault(machine.Do(3, code), 0x50000000, 4)) << round;
    ASSERT_EQ(machine.reg(Register::kEip), kUserCode + 5 + 4 * kAdditions) << round;
    ASSERT_EQ(machine.reg(Register::kEax), round) << round;
  }
}

}  // namespace
}  // namespace lguest::hostsim
