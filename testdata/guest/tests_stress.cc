// The most frequent operations of a host, under constant timer interrupts.

#include <iterator>

#include "testdata/guest/console.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/pages.h"
#include "testdata/guest/paging.h"
#include "testdata/guest/process.h"
#include "testdata/guest/tests.h"
#include "testdata/guest/timer.h"

namespace guest {
namespace {

constexpr uint32_t kShortTickMs = 1;
constexpr uint32_t kRounds = 3;
constexpr uint32_t kHypercalls = 4000;
constexpr uint32_t kPageFlags = kPagePresent | kPageWritable | kPageAccessed | kPageDirty;
constexpr uint32_t kUnmapped = 0xA0000000;

// A hypercall must keep all registers except %eax.
bool HypercallKeepsRegisters(uint32_t seed) {
  auto eax = static_cast<uint32_t>(Hypercall::kFlushAsync);
  uint32_t ebx = seed;
  uint32_t ecx = seed + 1;
  uint32_t edx = seed + 2;
  uint32_t esi = seed + 3;
  uint32_t edi = seed + 4;
  asm volatile("int $0x1f" : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+S"(esi), "+D"(edi));
  return ebx == seed && ecx == seed + 1 && edx == seed + 2 && esi == seed + 3 && edi == seed + 4;
}

// Maps two pages in turns at one kernel address, directly or through the ring.
TestResult ChangePages() {
  const uint32_t pages[] = {AllocatePage(), AllocatePage()};
  for (const uint32_t page : pages) *ToVirt<uint32_t>(page) = page;
  const uint32_t address = pages[0] + kPageOffset;
  uint32_t* const entry = KernelPageTableEntry(address);
  TestResult result = Pass();
  for (uint32_t i = 1; i <= kHypercalls && result.kind == TestResult::Kind::kPass; ++i) {
    const uint32_t page = pages[i % 2];
    if (i % 4 < 2) {
      SetPageTableEntry(KernelDirectory(), address, entry, page | kPageFlags);
    } else {
      WriteOnce(*entry, page | kPageFlags);
      CallHostLater(Hypercall::kSetPte, KernelDirectory(), address, page | kPageFlags);
      if (!HypercallKeepsRegisters(i)) result = Fail("call ", i, " changed a register");
      if (PendingHypercalls() != 0) result = Fail("the ring is not empty after call ", i);
    }
    const uint32_t found = *reinterpret_cast<volatile uint32_t*>(address);
    if (found != page) result = Fail("page ", Hex{found}, " in place of ", Hex{page});
    const CaughtTrap trap = CatchTrap([] { asm volatile("movl $1, (%0)" : : "r"(kUnmapped)); });
    if (trap.vector != kPageFault || trap.address != kUnmapped || trap.error != kFaultWrite) {
      result = Fail("trap ", trap.vector, " error ", Hex{trap.error}, " cr2 ", Hex{trap.address});
    }
  }
  SetPageTableEntry(KernelDirectory(), address, entry, pages[0] | kPageFlags);
  for (const uint32_t page : pages) ReleasePage(page);
  return result;
}

// The maximum number of processes, including the children of two of them.
TestResult RunProcesses() {
  struct Expectation {
    Program program;
    uint32_t argument;
    uint32_t exit_code;
  };
  constexpr uint32_t kSum = 1000 * 1001 / 4;  // the sum that the program of TestFpu adds
  constexpr uint32_t kTurns = 20;             // the result of the program of TestTls
  static constexpr Expectation kExpected[] = {
      {Program::kStress, 1, 0},       {Program::kStress, 1000, 0},
      {Program::kMath, 0, kSum},      {Program::kMath, 77, kSum + 77},
      {Program::kTls, 5, 5 + kTurns}, {Program::kTls, 500, 500 + kTurns},
  };
  const uint32_t free_before = FreePages();
  const Process* processes[std::size(kExpected)] = {};
  for (uint32_t i = 0; i < std::size(kExpected); ++i) {
    processes[i] = &StartProcess(kExpected[i].program, kExpected[i].argument);
  }
  TestResult result = Pass();
  for (uint32_t i = 0; i < std::size(kExpected); ++i) {
    const ProcessExit& ending = RunUntilEnd(*processes[i]);
    if (ending.killed) {
      result = Fail("process ", i, ": trap ", ending.vector, " error ", Hex{ending.error}, " at ",
                    Hex{ending.eip}, " cr2 ", Hex{ending.address});
    } else if (ending.exit_code != kExpected[i].exit_code) {
      result = Fail("process ", i, ": exit code ", ending.exit_code);
    }
  }
  ReapAll();
  if (FreePages() != free_before) return Fail(free_before - FreePages(), " pages were lost");
  return result;
}

}  // namespace

TestResult TestStress() {
  EnableInterrupts();
  const uint32_t interrupts_before = TimerInterrupts();
  const Ticking ticking(kShortTickMs);
  for (uint32_t round = 0; round < kRounds; ++round) {
    for (TestResult (*const part)() : {ChangePages, RunProcesses}) {
      const TestResult result = part();
      if (result.kind != TestResult::Kind::kPass) return result;
    }
  }
  Print("stress: ", TimerInterrupts() - interrupts_before, " timer interrupts\r\n");
  return Pass();
}

}  // namespace guest
