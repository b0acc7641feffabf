// Trap entry: one table of cases runs through MakeTrapEntry() and through the CPU's accelerator.
// Registers and memory must be the same.

#include "hostsim/trap_entry.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/i386/constants.h"
#include "hostsim/testing/test_machine.h"
#include "hostsim/testing/test_platform.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {
namespace {

using Entry = AcceleratedGate::Entry;

constexpr uint32_t kData = kFree;               // lguest_data
constexpr uint32_t kHandlerOffset = kPageSize;  // of the handler, in the code pages
constexpr uint32_t kHandler = kKernelCode + kHandlerOffset;
constexpr uint32_t kKernelEsp = kPageOffset + 0x118000;
constexpr uint32_t kUnmapped = 0x40000000;
constexpr uint32_t kNotPresent = 0xa3;  // selector of a ring-3 data segment that is not present
constexpr uint64_t kNotPresentDescriptor = 0x00cf73000000ffff;
constexpr uint32_t kEflagsResume = 0x10000;  // pushed by processors for a fault, not by emulators

// What raises the trap, at the start of the code.
struct Cause {
  const char* name;
  int ring;
  MachineCode code;
  uint8_t vector;
  std::optional<uint32_t> error_code;
  Entry entry = Entry::kReflected;
  uint32_t length = 0;  // of an `int n`, which %eip is past
  uint32_t eax = 0;
  bool is_rare = false;  // a CPU may leave such a vector to the host
};

const std::vector<Cause>& Causes() {
  static const auto* const kCauses = new std::vector<Cause>{
      {"UserReadsUnmappedPage", 3, LoadFrom(kUnmapped), kPageFault, 4},
      {"UserWritesUnmappedPage", 3, StoreTo(kUnmapped), kPageFault, 6},
      {"KernelReadsUnmappedPage", 1, LoadFrom(kUnmapped), kPageFault, 0},
      {"KernelWritesUnmappedPage", 1, StoreTo(kUnmapped), kPageFault, 2},
      {"SystemCall", 3, {0xcd, kSystemCallVector}, kSystemCallVector, {}, Entry::kDirect, 2},
      {"Breakpoint", 3, {0xcc}, kBreakpoint, {}, Entry::kDirect, 1, 0, true},
      {"UserDividesByZero", 3, {0xf7, 0xf1}, 0, {}, Entry::kReflected, 0, 0, true},  // div %ecx
      {"KernelDividesByZero", 1, {0xf7, 0xf1}, 0, {}, Entry::kReflected, 0, 0, true},
      {"UserInvalidOpcode", 3, {0x0f, 0x0b}, kInvalidOpcode, {}, Entry::kReflected, 0, 0, true},
      {"KernelInvalidOpcode", 1, {0x0f, 0x0b}, kInvalidOpcode, {}, Entry::kReflected, 0, 0, true},
      // mov %eax,%gs
      {"UserLoadsSegmentThatIsNotPresent_F22",
       3,
       {0x8e, 0xe8},
       11,
       kNotPresent & ~3u,
       Entry::kReflected,
       0,
       kNotPresent,
       true},
  };
  return *kCauses;
}

struct Case {
  Cause cause;
  bool irqs_enabled;
  bool interrupt_gate;
  uint32_t eflags;
};

std::vector<Case> Cases() {
  // CF, PF, AF, ZF, SF, OF, and DF, NT, AC, ID. Not TF: the step would come first.
  constexpr uint32_t kManyFlags = kEflagsStatus | 0x244400;
  std::vector<Case> cases;
  for (const Cause& cause : Causes()) {
    const bool is_direct = cause.entry == Entry::kDirect;  // by the processor, with its own flags
    for (const bool irqs_enabled : {true, false}) {
      for (const bool interrupt_gate : {true, false}) {
        if (is_direct && (!irqs_enabled || interrupt_gate)) continue;
        for (const uint32_t flags : {0u, kManyFlags}) {
          cases.push_back({cause, irqs_enabled, interrupt_gate, flags | kEflagsFixed});
        }
      }
    }
  }
  return cases;
}

class TrapEntryTest : public ::testing::TestWithParam<Case> {};

TEST_P(TrapEntryTest, CpuEntersHandlerLikeMakeTrapEntry) {
  const Case& tested = GetParam();
  const Cause& cause = tested.cause;
  if (cause.is_rare) LGUEST_REQUIRE_CPU(kEntersEveryHandler);

  TestMachine machine;
  ASSERT_NE(machine.cpu->accelerator(), nullptr);
  machine.gdt[kNotPresent >> 3] = kNotPresentDescriptor;
  machine.cpu->SetGdt(machine.gdt);

  const Gate gate = {.handler = GuestVirt(kHandler),
                     .privilege = 3,
                     .disables_interrupts = tested.interrupt_gate,
                     .present = true};
  AcceleratorPolicy policy;
  policy.lguest_data = GuestPhys(kData);
  policy.page_offset = kPageOffset;
  AcceleratedGate& accelerated =
      cause.vector == kSystemCallVector ? policy.system_call : policy.exceptions[cause.vector];
  accelerated = {.entry = cause.entry, .gate = gate};
  machine.cpu->accelerator()->SetPolicy(policy);
  machine.cpu->accelerator()->SetState({.kernel_esp = kKernelEsp}, /*irq_pending=*/false);
  const uint32_t irq_enabled = kData + offsetof(LguestData, irq_enabled);
  machine.Poke(irq_enabled, tested.irqs_enabled ? kInterruptFlag : 0);

  machine.Load(cause.ring, cause.code);
  machine.PokeBytes(kCodePhys + kHandlerOffset, {0xcd, kDone});
  machine.cpu->Set(Register::kEax, cause.eax);
  machine.cpu->Set(Register::kEflags, tested.eflags);
  const TrapEntry expected = MakeTrapEntry({.cs = machine.reg(Register::kCs),
                                            .ss = machine.reg(Register::kSs),
                                            .esp = machine.reg(Register::kEsp),
                                            .eip = machine.reg(Register::kEip) + cause.length,
                                            .eflags = tested.eflags,
                                            .kernel_ss = kGuestKernelDs,
                                            .kernel_esp = kKernelEsp,
                                            .irqs_enabled = tested.irqs_enabled},
                                           gate, cause.error_code);

  const Trap trap = machine.RunToTrap();
  ASSERT_TRUE(IsDone(trap)) << "the host got vector " << int{trap.vector};
  EXPECT_EQ(machine.reg(Register::kEip), expected.eip + 2);  // past the `int` of the handler
  EXPECT_EQ(machine.reg(Register::kCs), kGuestKernelCs);
  EXPECT_EQ(machine.reg(Register::kSs), expected.ss);
  EXPECT_EQ(machine.reg(Register::kEsp), expected.esp);
  EXPECT_EQ(machine.reg(Register::kEflags) & ~kEflagsResume, expected.eflags);
  const size_t eflags_at = expected.frame().size() - (cause.ring == 3 ? 3 : 1);
  for (size_t i = 0; i < expected.frame().size(); ++i) {
    const uint32_t word =
        machine.Peek(expected.esp - kPageOffset + static_cast<uint32_t>(i * sizeof(uint32_t)));
    EXPECT_EQ(i == eflags_at ? word & ~kEflagsResume : word, expected.frame()[i]) << "word " << i;
  }
  EXPECT_EQ(machine.Peek(irq_enabled),
            tested.irqs_enabled && !tested.interrupt_gate ? kInterruptFlag : 0);
  if (cause.vector == kPageFault) {
    EXPECT_EQ(machine.Peek(kData + offsetof(LguestData, cr2)), kUnmapped);
  }
}

std::string CaseName(const ::testing::TestParamInfo<Case>& each) {
  const Case& tested = each.param;
  return std::string(tested.cause.name) + (tested.irqs_enabled ? "_IrqsOn" : "_IrqsOff") +
         (tested.interrupt_gate ? "_InterruptGate" : "_TrapGate") +
         (tested.eflags == kEflagsFixed ? "" : "_ManyFlags");
}

INSTANTIATE_TEST_SUITE_P(Table, TrapEntryTest, ::testing::ValuesIn(Cases()), CaseName);

// LOAD_TLS keeps a descriptor that is not present, on each path: the load of %gs is #NP, not #GP.
TEST(VcpuTlsTest, SegmentThatIsNotPresentIsNotPresentAfterLoadTls_F22) {
  LGUEST_REQUIRE_CPU(kServesLoadTls);
  TestMachine machine;
  AcceleratorPolicy policy;
  policy.lguest_data = GuestPhys(kData);
  policy.page_offset = kPageOffset;
  machine.cpu->accelerator()->SetPolicy(policy);
  machine.cpu->accelerator()->SetState({}, /*irq_pending=*/false);
  machine.PokeBytes(kData + offsetof(LguestData, hcall_status),
                    MachineCode(kHypercallRingSize, kHypercallDone));
  constexpr uint32_t kTable = kFree + kPageSize;
  for (uint32_t i = 0; i < kTlsEntries; ++i) {
    machine.Poke(kTable + 8 * i, static_cast<uint32_t>(kNotPresentDescriptor));
    machine.Poke(kTable + 8 * i + 4, static_cast<uint32_t>(kNotPresentDescriptor >> 32));
  }
  machine.Load(1, {0xcd, kHypercallVector, 0xcd, kDone});
  machine.cpu->Set(Register::kEax, static_cast<uint32_t>(Hypercall::kLoadTls));
  machine.cpu->Set(Register::kEdx, kTable);
  ASSERT_TRUE(IsDone(machine.RunToTrap()));
  machine.Load(3, {0x8e, 0xe8});  // mov %eax,%gs
  constexpr uint32_t kTlsSelector = kTlsFirstEntry * 8 + 3;
  machine.cpu->Set(Register::kEax, kTlsSelector);
  EXPECT_TRUE(IsException(machine.RunToTrap(), 11, kTlsSelector & ~3u));
}

}  // namespace
}  // namespace lguest::hostsim
