// Rings, segments, and instructions that a guest may not execute.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

constexpr uint8_t kGeneralProtection = 13;

struct Instruction {
  const char* name;
  MachineCode code;
};

TEST(VcpuPrivilegeTest, PrivilegedInstructionsFaultAtRing1AndRing3) {
  const Instruction instructions[] = {
      {"hlt", {0xf4}},
      {"cli", {0xfa}},
      {"sti", {0xfb}},
      {"mov %cr0,%eax", {0x0f, 0x20, 0xc0}},
      {"mov %eax,%cr0", {0x0f, 0x22, 0xc0}},
      {"mov %cr3,%eax", {0x0f, 0x20, 0xd8}},
      {"mov %eax,%cr3", {0x0f, 0x22, 0xd8}},
      {"mov %eax,%cr4", {0x0f, 0x22, 0xe0}},
      {"mov %db7,%eax", {0x0f, 0x21, 0xf8}},
      {"mov %eax,%db7", {0x0f, 0x23, 0xf8}},
      {"clts", {0x0f, 0x06}},
      {"lmsw %ax", {0x0f, 0x01, 0xf0}},
      {"lgdt (%esp)", {0x0f, 0x01, 0x14, 0x24}},
      {"lidt (%esp)", {0x0f, 0x01, 0x1c, 0x24}},
      {"lldt %ax", {0x0f, 0x00, 0xd0}},
      {"ltr %ax", {0x0f, 0x00, 0xd8}},
      {"invlpg (%esp)", {0x0f, 0x01, 0x3c, 0x24}},
      {"invd", {0x0f, 0x08}},
      {"wbinvd", {0x0f, 0x09}},
      {"rdmsr", {0x0f, 0x32}},
      {"wrmsr", {0x0f, 0x30}},
      {"rdpmc", {0x0f, 0x33}},
      {"sysenter", {0x0f, 0x34}},
      {"sysexit", {0x0f, 0x35}},
  };
  TestMachine machine;
  for (const auto& [name, code] : instructions) {
    for (const int ring : {1, 3}) {
      // A nop first, so that %eip differs from the start of the translated block.
      MachineCode with_nop = {0x90};
      with_nop.insert(with_nop.end(), code.begin(), code.end());
      EXPECT_TRUE(IsException(machine.Do(ring, with_nop), kGeneralProtection)) << name << ring;
      EXPECT_EQ(machine.reg(Register::kEip), (ring == 3 ? kUserCode : kKernelCode) + 1) << name;
    }
  }
}

TEST(VcpuPrivilegeTest, PortsFaultAtRing1AndRing3) {
  const Instruction instructions[] = {
      {"in $0x60,%al", {0xe4, 0x60}},
      {"in $0x60,%eax", {0xe5, 0x60}},
      {"out %al,$0x60", {0xe6, 0x60}},
      {"out %eax,$0x60", {0xe7, 0x60}},
      {"in (%dx),%al", {0xec}},
      {"in (%dx),%eax", {0xed}},
      {"out %al,(%dx)", {0xee}},
      {"out %eax,(%dx)", {0xef}},
      {"in (%dx),%ax", {0x66, 0xed}},
      {"out %ax,(%dx)", {0x66, 0xef}},
      {"insb", {0x6c}},
      {"insl", {0x6d}},
      {"outsb", {0x6e}},
      {"outsl", {0x6f}},
      {"insw", {0x66, 0x6d}},
      {"outsw", {0x66, 0x6f}},
  };
  TestMachine machine;
  for (const auto& [name, code] : instructions) {
    for (const int ring : {1, 3}) {
      machine.Load(ring, {});
      MachineCode with_mov = {0x89, 0xe6, 0x89, 0xe7};  // mov %esp,%esi; mov %esp,%edi
      with_mov.insert(with_mov.end(), code.begin(), code.end());
      machine.Load(ring, with_mov);
      // insb and outsb need memory below the top of the stack.
      machine.cpu->Set(Register::kEsp, machine.reg(Register::kEsp) - 16);
      EXPECT_TRUE(IsException(machine.RunToTrap(), kGeneralProtection)) << name << ring;
      EXPECT_EQ(machine.reg(Register::kEip), (ring == 3 ? kUserCode : kKernelCode) + 4) << name;
      EXPECT_EQ(machine.reg(Register::kEax), 0u) << name;
    }
  }
}

TEST(VcpuPrivilegeTest, UnsupportedInstructionsAreInvalid) {
  LGUEST_REQUIRE_CPU(kPentiumThreeOnly);
  const Instruction instructions[] = {
      {"syscall", {0x0f, 0x05}},       {"sysret", {0x0f, 0x07}},
      {"vmcall", {0x0f, 0x01, 0xc1}},  {"vmrun", {0x0f, 0x01, 0xd8}},
      {"vmmcall", {0x0f, 0x01, 0xd9}}, {"xgetbv", {0x0f, 0x01, 0xd0}},
      {"monitor", {0x0f, 0x01, 0xc8}}, {"mwait", {0x0f, 0x01, 0xc9}},
      {"rsm", {0x0f, 0xaa}},           {"lcall *%ebx", {0xff, 0xdb}},
      {"ljmp *%ebx", {0xff, 0xeb}},    {"prefixed lcall *%ecx", {0x66, 0x2e, 0xff, 0xd9}},
      {"lock nop", {0xf0, 0x90}},      {"lock cmp", {0xf0, 0x39, 0x04, 0x24}},
      {"lock cmpsb", {0xf0, 0xa6}},    {"lock cmpl $0,(%esp)", {0xf0, 0x83, 0x3c, 0x24, 0x00}},
  };
  TestMachine machine;
  for (const auto& [name, code] : instructions) {
    for (const int ring : {1, 3}) {
      EXPECT_TRUE(IsException(machine.Do(ring, code), 6)) << name << " at ring " << ring;
      EXPECT_EQ(machine.reg(Register::kEip), ring == 3 ? kUserCode : kKernelCode) << name;
    }
  }
}

TEST(VcpuPrivilegeTest, PopfCannotChangeIfAndIopl) {
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(1, {
                                       0x68,
                                       0x02,
                                       0x30,
                                       0,
                                       0,     // push $0x3002 (IOPL 3, no IF)
                                       0x9d,  // popf
                                       0x9c,  // pushf
                                       0x58,  // pop %eax
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEax) & 0x3200, 0x200u);
}

// Code that pushes an iret frame for ring 3 with kUserCode + 0x100 as %eip, and executes iret.
MachineCode IretTo(uint8_t ss, uint8_t cs, uint32_t eflags) {
  MachineCode code = {
      0x6a, ss,                      // push $ss
      0x68, 0x00, 0x10, 0x0f, 0x08,  // push $kUserStackTop
      0x68, 0,    0,    0,    0,     // push $eflags
      0x6a, cs,                      // push $cs
      0x68, 0x00, 0x81, 0x04, 0x08,  // push $kUserCode + 0x100
      0xcf,                          // iret
  };
  for (size_t i = 0; i < 4; ++i) code[8 + i] = static_cast<uint8_t>(eflags >> (8 * i));
  return code;
}

TEST(VcpuPrivilegeTest, IretGoesFromRing1ToRing3) {
  TestMachine machine;
  machine.PokeBytes(kCodePhys + 0x100, {0x9c, 0x58, 0xcd, kDone});  // pushf; pop %eax; int
  machine.Load(1, IretTo(kData3, kCode3, 0x246));
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(PrivilegeLevel(*machine.cpu), 3u);
  EXPECT_EQ(machine.reg(Register::kCs), kCode3);
  EXPECT_EQ(machine.reg(Register::kSs), kData3);
  EXPECT_EQ(machine.reg(Register::kEsp), kUserStackTop);
  EXPECT_EQ(machine.reg(Register::kEax), 0x246u);
  // Checks that this is ring 3.
  EXPECT_TRUE(IsPageFault(machine.Do(3, LoadFrom(kPageOffset)), kPageOffset, 5));
}

TEST(VcpuPrivilegeTest, IretCannotRaisePrivilege) {
  TestMachine machine;
  EXPECT_TRUE(
      IsException(machine.Do(3, IretTo(kData1, kCode1, 0x202)), kGeneralProtection, kCode1 & ~3u));
  EXPECT_TRUE(IsException(machine.Do(1, IretTo(kData1, 0x60, 0x202)), kGeneralProtection, 0x60));
}

TEST(VcpuPrivilegeTest, IretCannotEnterVirtual8086Mode) {
  LGUEST_REQUIRE_CPU(kRefusesVirtual8086);
  TestMachine machine;
  for (const int ring : {1, 3}) {
    EXPECT_TRUE(IsException(machine.Do(ring, IretTo(kData3, kCode3, 0x23202)), kGeneralProtection));
    EXPECT_EQ(machine.reg(Register::kEflags) & 0x23000, 0u);
    EXPECT_EQ(machine.reg(Register::kEip), (ring == 3 ? kUserCode : kKernelCode) + 19);
  }
}

TEST(VcpuPrivilegeTest, IretFromNestedTaskIsInvalidTss) {
  TestMachine machine;
  machine.Load(1, IretTo(kData3, kCode3, 0x202));
  machine.cpu->Set(Register::kEflags, 0x4202);
  EXPECT_TRUE(IsException(machine.RunToTrap(), 10));
}

TEST(VcpuPrivilegeTest, FarReturnGoesFromRing1ToRing3) {
  TestMachine machine;
  machine.PokeBytes(kCodePhys + 0x100, {0xcd, kDone});
  EXPECT_TRUE(IsDone(machine.Do(1, {
                                       0x6a, kData3,                  // push $kData3
                                       0x68, 0x00, 0x10, 0x0f, 0x08,  // push $kUserStackTop
                                       0x6a, kCode3,                  // push $kCode3
                                       0x68, 0x00, 0x81, 0x04, 0x08,  // push $kUserCode + 0x100
                                       0xcb,                          // lret
                                   })));
  EXPECT_EQ(PrivilegeLevel(*machine.cpu), 3u);
}

TEST(VcpuPrivilegeTest, SegmentBaseMayBeNonzero) {
  TestMachine machine;
  machine.Map(kTlsBase & ~0xfffu, kFree, kP | kW | kU);
  machine.Poke(kFree + (kTlsBase & 0xfff) + 0x10, 0xfeed);
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0xb8, kTls3, 0,    0,    0,        // mov $kTls3,%eax
                                       0x8e, 0xe8,                        // mov %eax,%gs
                                       0x65, 0xa1,  0x10, 0,    0, 0,     // mov %gs:0x10,%eax
                                       0x65, 0x89,  0x05, 0x14, 0, 0, 0,  // mov %eax,%gs:0x14
                                       0xcd, kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEax), 0xfeedu);
  EXPECT_EQ(machine.Peek(kFree + (kTlsBase & 0xfff) + 0x14), 0xfeedu);
  EXPECT_EQ(machine.reg(Register::kGs), kTls3);
}

TEST(VcpuPrivilegeTest, HostSetSegmentBaseMayBeNonzero) {
  TestMachine machine;
  machine.Map(kTlsBase & ~0xfffu, kFree, kP | kW | kU);
  machine.Poke(kFree + (kTlsBase & 0xfff), 0xbeef);
  machine.Load(3, LoadFrom(0));
  machine.cpu->Set(Register::kDs, kTls3);
  EXPECT_TRUE(IsDone(machine.RunToTrap()));
  EXPECT_EQ(machine.reg(Register::kEax), 0xbeefu);
}

TEST(VcpuPrivilegeTest, SegmentLoadsCheckDescriptors) {
  TestMachine machine;
  const auto load_ds = [](uint8_t selector) {
    return MachineCode{0xb8, selector, 0, 0, 0, 0x8e, 0xd8, 0xcd, kDone};  // mov; mov %eax,%ds
  };
  EXPECT_TRUE(IsException(machine.Do(3, load_ds(kData1)), kGeneralProtection, kData1 & ~3u));
  EXPECT_TRUE(IsException(machine.Do(3, load_ds(0x4b)), kGeneralProtection, 0x48));  // empty
  EXPECT_TRUE(IsException(machine.Do(3, load_ds(0x0f)), kGeneralProtection, 0x0c));  // LDT
  EXPECT_EQ(machine.reg(Register::kEip), kUserCode + 5);
  EXPECT_TRUE(IsDone(machine.Do(3, load_ds(0))));
  EXPECT_EQ(machine.reg(Register::kDs), 0u);
}

TEST(VcpuPrivilegeTest, CallGatesAndTaskGatesFault) {
  TestMachine machine;
  for (uint64_t type = 0; type < 16; ++type) {
    std::array<uint64_t, kGdtEntries> gdt = {};
    gdt[kCode3 >> 3] = 0x00cffb000000ffff;
    gdt[kData3 >> 3] = 0x00cff3000000ffff;
    gdt[5] = 0x0000e00000610000 | (type << 40);  // present, DPL 3, selector 0x61
    machine.cpu->SetGdt(gdt);
    // lcall $0x2b,$0 and ljmp
    for (const uint8_t opcode : {uint8_t{0x9a}, uint8_t{0xea}}) {
      EXPECT_TRUE(
          IsException(machine.Do(3, {opcode, 0, 0, 0, 0, 0x2b, 0}), kGeneralProtection, 0x28))
          << type;
    }
  }
}

TEST(VcpuPrivilegeTest, Ring0DescriptorsDoNotGrantRing0) {
  TestMachine machine;
  std::array<uint64_t, kGdtEntries> gdt = {};
  gdt[12] = 0x00cf9b000000ffff;  // DPL 0
  gdt[13] = 0x00cf93000000ffff;
  machine.cpu->SetGdt(gdt);
  machine.Load(1, {0xf4});  // hlt
  machine.cpu->Set(Register::kSs, 0x68);
  machine.cpu->Set(Register::kCs, 0x60);
  EXPECT_TRUE(IsException(machine.RunToTrap(), kGeneralProtection));
}

TEST(VcpuPrivilegeTest, SgdtReadsTheHostsTable) {
  LGUEST_REQUIRE_CPU(kHostAreaOfOnePage);
  TestMachine machine;
  EXPECT_TRUE(IsDone(machine.Do(3, {
                                       0x83,
                                       0xec,
                                       0x08,  // sub $8,%esp
                                       0x0f,
                                       0x01,
                                       0x04,
                                       0x24,  // sgdt (%esp)
                                       0x58,  // pop %eax
                                       0x5b,  // pop %ebx
                                       0xcd,
                                       kDone,
                                   })));
  EXPECT_EQ(machine.reg(Register::kEax), 0x000000ffu);  // limit 0xff, base 0xffc00000
  EXPECT_EQ(machine.reg(Register::kEbx) & 0xffff, 0xffc0u);
}

}  // namespace
}  // namespace lguest::hostsim
