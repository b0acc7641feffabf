#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kData = kFree;  // lguest_data
constexpr uint32_t kHandlerOffset = 0x800;
constexpr uint32_t kHandler = kKernelCode + kHandlerOffset;
constexpr uint32_t kUnmapped = 0x50000000;
constexpr MachineCode::value_type kInt = 0xcd;

// A guest whose handlers of system calls and page faults execute `int $kDone`.
class TrapAcceleratorTest : public ::testing::Test {
 protected:
  TrapAcceleratorTest() {
    gate_.handler = GuestVirt(kHandler);
    gate_.privilege = 3;
    gate_.present = true;
    SetIrqEnabled(kInterruptFlag);
  }

  void SetIrqEnabled(uint32_t value) {
    machine_.Poke(kData + offsetof(LguestData, irq_enabled), value);
  }
  uint32_t irq_enabled() const { return machine_.Peek(kData + offsetof(LguestData, irq_enabled)); }

  // Runs `code` until the first trap that the CPU does not serve.
  Trap Run(int ring, const MachineCode& code, uint32_t kernel_esp = kKernelStackTop,
           bool irq_pending = false) {
    AcceleratorPolicy policy;
    policy.lguest_data = GuestPhys(kData);
    policy.page_offset = kPageOffset;
    policy.system_call = {.entry = AcceleratedGate::Entry::kDirect, .gate = gate_};
    policy.exceptions[14] = {.entry = AcceleratedGate::Entry::kReflected, .gate = gate_};
    machine_.cpu->accelerator()->SetPolicy(policy);
    AcceleratorState state;
    state.kernel_esp = kernel_esp;
    machine_.cpu->accelerator()->SetState(state, irq_pending);
    machine_.Load(ring, code);
    machine_.PokeBytes(kCodePhys + kHandlerOffset, {kInt, kDone});
    return machine_.RunToTrap();
  }
  Trap FaultAt(int ring, uint32_t address) { return Run(ring, LoadFrom(address)); }

  // Word n on the stack.
  uint32_t Word(uint32_t n) const {
    return machine_.Peek(machine_.reg(Register::kEsp) - kPageOffset + 4 * n);
  }
  void ExpectInHandler() {
    EXPECT_EQ(machine_.reg(Register::kEip), kHandler + 2);
    EXPECT_EQ(machine_.reg(Register::kCs), kGuestKernelCs);
    EXPECT_EQ(machine_.reg(Register::kSs), kGuestKernelDs);
  }

  TestMachine machine_;
  Gate gate_;
};

TEST_F(TrapAcceleratorTest, SystemCallPushesFrameOnKernelStack) {
  EXPECT_TRUE(IsDone(Run(3, {kInt, kSystemCallVector})));
  ExpectInHandler();
  EXPECT_EQ(machine_.reg(Register::kEsp), kKernelStackTop - 20);
  EXPECT_EQ(Word(0), kUserCode + 2);
  EXPECT_EQ(Word(1), kCode3);
  EXPECT_EQ(Word(2), machine_.reg(Register::kEflags) | kInterruptFlag);
  EXPECT_EQ(Word(3), kUserStackTop);
  EXPECT_EQ(Word(4), kData3);
  EXPECT_EQ(irq_enabled(), kInterruptFlag);
}

TEST_F(TrapAcceleratorTest, UserPageFaultHasAddressAndErrorCode) {
  EXPECT_TRUE(IsDone(FaultAt(3, kUnmapped)));
  ExpectInHandler();
  EXPECT_EQ(machine_.Peek(kData + offsetof(LguestData, cr2)), kUnmapped);
  EXPECT_EQ(machine_.reg(Register::kEsp), kKernelStackTop - 24);
  EXPECT_EQ(Word(0), 4u);
  EXPECT_EQ(Word(1), kUserCode);
}

TEST_F(TrapAcceleratorTest, KernelPageFaultKeepsTheStack) {
  EXPECT_TRUE(IsDone(FaultAt(1, kUnmapped)));
  ExpectInHandler();
  EXPECT_EQ(machine_.reg(Register::kEsp), kKernelStackTop - 16);
  EXPECT_EQ(Word(0), 0u);
  EXPECT_EQ(Word(1), kKernelCode);
  EXPECT_EQ(Word(2), kCode1);
}

TEST_F(TrapAcceleratorTest, InterruptGateDisablesInterruptsAndSavesIf) {
  gate_.disables_interrupts = true;
  EXPECT_TRUE(IsDone(FaultAt(3, kUnmapped)));
  EXPECT_EQ(irq_enabled(), 0u);
  EXPECT_NE(Word(3) & kInterruptFlag, 0u);
}

TEST_F(TrapAcceleratorTest, PushedIfIsClearWithInterruptsOff) {
  SetIrqEnabled(0);
  EXPECT_TRUE(IsDone(Run(3, {kInt, kSystemCallVector})));
  EXPECT_EQ(Word(2) & kInterruptFlag, 0u);
}

TEST_F(TrapAcceleratorTest, TrapFlagIsPushedAndCleared) {
  constexpr uint32_t kTrapFlag = 0x100;
  // pushl %eflags; orl $0x100,(%esp); popf; int $0x80
  const MachineCode code = {0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, kInt, kSystemCallVector};
  EXPECT_TRUE(IsDone(Run(3, code)));
  EXPECT_EQ(machine_.reg(Register::kEflags) & kTrapFlag, 0u);
  EXPECT_NE(Word(2) & kTrapFlag, 0u);
}

TEST_F(TrapAcceleratorTest, ForbiddenSystemCallGateGoesToHost) {
  gate_.privilege = 1;
  const Trap trap = Run(3, {kInt, kSystemCallVector});
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, kSystemCallVector);
  EXPECT_EQ(machine_.reg(Register::kCs), kCode3);
}

TEST_F(TrapAcceleratorTest, OtherSoftwareInterruptGoesToHost) {
  EXPECT_EQ(Run(3, {kInt, 14}).kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(machine_.reg(Register::kCs), kCode3);
}

TEST_F(TrapAcceleratorTest, PendingInterruptSendsTrapsToHost) {
  const MachineCode code = {kInt, kSystemCallVector};
  const Trap trap = Run(3, code, kKernelStackTop, true);
  EXPECT_EQ(trap.kind, Trap::Kind::kSoftwareInterrupt);
  EXPECT_EQ(trap.vector, kSystemCallVector);
  EXPECT_EQ(machine_.reg(Register::kCs), kCode3);
  EXPECT_TRUE(IsDone(Run(3, code)));
}

TEST_F(TrapAcceleratorTest, FaultOnAnotherStackSegmentGoesToHost) {
  constexpr uint8_t kOtherData1 = 0x31;
  machine_.gdt[kOtherData1 >> 3] = machine_.gdt[kData1 >> 3];
  machine_.cpu->SetGdt(machine_.gdt);
  // movl $0x31,%eax; movl %eax,%ss; movl 0x50000000,%eax
  const MachineCode code = {0xb8, kOtherData1, 0, 0, 0, 0x8e, 0xd0, 0xa1, 0, 0, 0, 0x50};
  const Trap trap = Run(1, code);
  EXPECT_EQ(trap.vector, kPageFault);
  EXPECT_EQ(trap.cr2, kUnmapped);
  EXPECT_EQ(machine_.reg(Register::kSs), kOtherData1);
}

TEST_F(TrapAcceleratorTest, StackOutsideMemoryGoesToHostUnchanged) {
  for (const uint32_t esp : {0u, kPageOffset, kPageOffset + 16, kPageOffset + kMemorySize,
                             kPageOffset + kMemorySize + 4, kPageOffset - 4}) {
    machine_.Poke(0, 0x12345678);
    machine_.Poke(kMemorySize - 4, 0x12345678);
    EXPECT_EQ(Run(3, {kInt, kSystemCallVector}, esp).kind, Trap::Kind::kSoftwareInterrupt) << esp;
    EXPECT_EQ(machine_.reg(Register::kEsp), kUserStackTop) << esp;
    EXPECT_EQ(machine_.Peek(0), 0x12345678u) << esp;
    EXPECT_EQ(machine_.Peek(kMemorySize - 4), 0x12345678u) << esp;
  }
}

TEST_F(TrapAcceleratorTest, BadPageTableEntryGoesToHost) {
  machine_.Map(kUnmapped, kMemorySize, kP | kU);
  EXPECT_EQ(FaultAt(3, kUnmapped).kind, Trap::Kind::kBadPageTableEntry);
}

}  // namespace
}  // namespace lguest::hostsim
