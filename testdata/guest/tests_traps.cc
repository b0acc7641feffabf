// Tests of traps in the kernel, and of instructions that the host must emulate (ABI.md §4.15,
// §4.17).

#include <array>

#include "testdata/guest/gdt.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/tests.h"

namespace guest {
namespace {

constexpr uint32_t kUnmapped = 0x12345678;

// Checks the vector, error code and cr2 of `trap`.
TestResult Expect(const CaughtTrap& trap, std::string_view what, uint32_t vector, uint32_t error) {
  if (!trap.caught) return Fail(what, " did not trap");
  if (trap.vector != vector) return Fail(what, " trapped ", trap.vector);
  if (trap.error != error) return Fail(what, " gave error code ", Hex{trap.error});
  return Pass();
}

TestResult ExpectPageFault(const CaughtTrap& trap, std::string_view what, uint32_t address,
                           uint32_t error) {
  if (trap.caught && trap.vector == kPageFault && trap.address != address) {
    return Fail(what, " gave cr2 ", Hex{trap.address});
  }
  return Expect(trap, what, kPageFault, error);
}

bool Failed(const TestResult& result) { return result.kind == TestResult::Kind::kFail; }

}  // namespace

TestResult TestTraps() {
  TestResult result = Expect(CatchTrap([] { asm volatile("ud2"); }), "ud2", kInvalidOpcode, 0);
  if (Failed(result)) return result;

  result = Expect(CatchTrap([] {
                    asm volatile("xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx");
                  }),
                  "division by zero", kDivideError, 0);
  if (Failed(result)) return result;

  result = Expect(CatchTrap([] { asm volatile("int3"); }), "int3", kBreakpoint, 0);
  if (Failed(result)) return result;

  // A selector beyond the table. The error code contains the selector.
  result = Expect(CatchTrap([] {
                    asm volatile("movw %w0, %%es" : : "r"(0x1f8));
                  }),
                  "a selector beyond the table", kGeneralProtection, 0x1f8);
  if (Failed(result)) return result;

  return Expect(CatchTrap([] { asm volatile("hlt"); }), "hlt", kGeneralProtection, 0);
}

TestResult TestPageFaultReports() {
  TestResult result = ExpectPageFault(CatchTrap([] {
                                        asm volatile("movl (%0), %%eax" : : "r"(kUnmapped) : "eax");
                                      }),
                                      "a read", kUnmapped, 0);
  if (Failed(result)) return result;

  result = ExpectPageFault(CatchTrap([] {
                             asm volatile("movl $1, (%0)" : : "r"(kUnmapped));
                           }),
                           "a write", kUnmapped, kFaultWrite);
  if (Failed(result)) return result;

  const CaughtTrap jump = CatchTrap([] { asm volatile("call *%0" : : "r"(kUnmapped)); });
  result = ExpectPageFault(jump, "a jump", kUnmapped, 0);
  if (Failed(result)) return result;
  if (jump.eip != kUnmapped) return Fail("a jump faulted at ", Hex{jump.eip});

  // The last 4 MB belong to the host, whatever the guest's page tables contain.
  const CaughtTrap host = CatchTrap([] {
    asm volatile("movl $1, (%0)" : : "r"(lguest::kHostAreaStart + 0x10000));
  });
  if (!host.caught || host.vector != kPageFault) return Fail("could write to the host's area");

  // IF in the frame is the previous value of irq_enabled, and interrupts are off in the handler.
  EnableInterrupts();
  const CaughtTrap enabled = CatchTrap([] { asm volatile("movl $1, (%0)" : : "r"(kUnmapped)); });
  const bool still_enabled = ReadOnce(lguest_data.irq_enabled) != 0;
  DisableInterrupts();
  const CaughtTrap disabled = CatchTrap([] { asm volatile("movl $1, (%0)" : : "r"(kUnmapped)); });
  const bool now_enabled = ReadOnce(lguest_data.irq_enabled) != 0;
  EnableInterrupts();
  if ((enabled.eflags & lguest::kInterruptFlag) == 0) return Fail("the frame lost IF");
  if ((disabled.eflags & lguest::kInterruptFlag) != 0) return Fail("the frame has a spurious IF");
  if (!still_enabled || now_enabled) return Fail("irq_enabled changed across the trap");
  return Pass();
}

TestResult TestPortAccess() {
  uint32_t byte = 0;
  asm volatile("inb $0x71, %%al" : "+a"(byte));
  if ((byte & 0xff) != 0xff) return Fail("inb read ", Hex{byte});

  uint32_t word = 0;
  asm volatile("inw %%dx, %%ax" : "+a"(word) : "d"(0x3f8));
  if ((word & 0xffff) != 0xffff) return Fail("inw read ", Hex{word});

  uint32_t dword = 0;
  asm volatile("inl %%dx, %%eax" : "+a"(dword) : "d"(0xcf8));
  if (dword != 0xffffffff) return Fail("inl read ", Hex{dword});

  // One instruction of each length, to check that the host skips all of it.
  uint32_t after = 0;
  asm volatile(
      "outb %%al, $0x80; incl %0; outb %%al, %%dx; incl %0; outw %%ax, %%dx; incl %0;"
      "outl %%eax, %%dx; incl %0"
      : "+r"(after)
      : "a"(0x5a), "d"(0x80));
  if (after != 4) return Fail("wrong %eip after out");
  return Pass();
}

TestResult TestGdt() {
  constexpr uint32_t kEntry = 20;
  constexpr uint32_t kSelector = kEntry * 8 + 1;
  constexpr uint8_t kRing0Data = 0x92;
  constexpr uint32_t kAccessed = 0x100;
  constexpr uint32_t kDplShift = 13;
  static uint32_t words[2] = {0x11223344, 0x55667788};

  SetGdtEntry(kEntry, MakeSegment(reinterpret_cast<uint32_t>(&words[1]), 0, kRing1Data));
  uint32_t value = 0;
  asm volatile("movw %w1, %%es; movl %%es:0, %0; movw %w2, %%es"
               : "=&r"(value)
               : "r"(kSelector), "r"(uint32_t{lguest::kGuestKernelDs}));
  if (value != words[1]) return Fail("read ", Hex{value}, " through a segment");

  // The host turns a descriptor of ring 0 into one of ring 1. It sets the accessed bit, so that the
  // CPU need not write to the table.
  SetGdtEntry(kEntry, MakeSegment(0, 0, kRing0Data));
  uint32_t rights = 0;
  asm volatile("lar %1, %0" : "=r"(rights) : "r"(kSelector) : "cc");
  SetGdtEntry(kEntry, 0);
  if (((rights >> kDplShift) & 3) != 1) return Fail("access rights ", Hex{rights});
  if ((rights & kAccessed) == 0) return Fail("not marked as accessed");
  return Pass();
}

TestResult TestSelfModifyingCode() {
  // movl $n, %eax; ret
  static std::array<uint8_t, 6> code = {0xb8, 0, 0, 0, 0, 0xc3};
  for (uint32_t n = 1; n <= 100; ++n) {
    WriteOnce(code[1], static_cast<uint8_t>(n));
    const uint32_t result = reinterpret_cast<uint32_t (*)()>(code.data())();
    if (result != n) return Fail("ran old code: ", result, " for ", n);
  }

  // An instruction that changes the next instruction: incl becomes decl.
  uint32_t value = 10;
  constexpr uint8_t kDecl = 0x48;
  static constexpr uint8_t kPatcher[] = {0xc6, 0x05, 0, 0, 0, 0, kDecl,  // movb $decl, address
                                         0x40,                           // incl %eax
                                         0xc3};                          // ret
  static std::array<uint8_t, sizeof(kPatcher)> patcher;
  memcpy(patcher.data(), kPatcher, sizeof(kPatcher));
  const auto target = reinterpret_cast<uint32_t>(&patcher[7]);
  memcpy(&patcher[2], &target, sizeof(target));
  asm volatile("call *%1" : "+a"(value) : "r"(patcher.data()) : "memory");
  if (value != 9) return Fail("ran the old version of a changed instruction");
  return Pass();
}

}  // namespace guest
