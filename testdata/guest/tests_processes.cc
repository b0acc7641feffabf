// Tests of ring 3: system calls, scheduling, faults, and the state of each process.

#include "testdata/guest/fpu.h"
#include "testdata/guest/pages.h"
#include "testdata/guest/process.h"
#include "testdata/guest/tests.h"

namespace guest {
namespace {

// Runs a program alone. It must exit with this code and free all its pages.
TestResult ExpectExit(Program program, uint32_t code) {
  const uint32_t free_before = FreePages();
  const ProcessExit ending = RunProgram(program);
  if (ending.killed) {
    return Fail("killed by trap ", ending.vector, " error ", Hex{ending.error}, " at ",
                Hex{ending.eip}, " cr2 ", Hex{ending.address});
  }
  if (ending.exit_code != code) return Fail("exit code ", ending.exit_code);
  if (FreePages() != free_before) return Fail(free_before - FreePages(), " pages were lost");
  return Pass();
}

struct ExpectedFault {
  std::string_view what;
  UserFault kind;
  uint32_t vector;
  uint32_t error;
};

}  // namespace

TestResult TestSystemCalls() { return ExpectExit(Program::kSystemCalls, 0); }
TestResult TestDemandPaging() { return ExpectExit(Program::kDemandPages, 0); }
TestResult TestCopyOnWrite() { return ExpectExit(Program::kCopyOnWrite, 0); }
TestResult TestUserCodePatching() { return ExpectExit(Program::kPatchItself, 100 * 101 / 2); }

// Two processes that never yield, and one that needs its turn.
TestResult TestPreemption() {
  const Process& first = StartProcess(Program::kSpin);
  const Process& second = StartProcess(Program::kSpin);
  const ProcessExit& ending = RunUntilEnd(StartProcess(Program::kSleeper));
  const uint32_t exit_code = ending.exit_code;
  const uint32_t preemptions[] = {first.preemptions, second.preemptions};
  ReapAll();
  if (exit_code != 42) return Fail("the sleeper's exit code is ", exit_code);
  for (const uint32_t count : preemptions) {
    if (count < 2) return Fail("a spinning process was interrupted ", count, " times");
  }
  return Pass();
}

// Two processes compute in turns. Their FPU registers must not mix.
TestResult TestFpu() {
  constexpr uint32_t kSum = 1000 * 1001 / 4;
  const uint32_t loads_before = FpuLoads();
  const Process& first = StartProcess(Program::kMath, 0);
  const Process& second = StartProcess(Program::kMath, 1'000'000);
  const uint32_t first_sum = RunUntilEnd(first).exit_code;
  const uint32_t second_sum = RunUntilEnd(second).exit_code;
  ReapAll();
  const uint32_t loads = FpuLoads() - loads_before;
  if (first_sum != kSum) return Fail("the first process computed ", first_sum);
  if (second_sum != kSum + 1'000'000) return Fail("the second process computed ", second_sum);
  if (loads < 1000) return Fail("the FPU was loaded ", loads, " times");
  return Pass();
}

TestResult TestTls() {
  const Process& first = StartProcess(Program::kTls, 1000);
  const Process& second = StartProcess(Program::kTls, 2000);
  const ProcessExit first_ending = RunUntilEnd(first);
  const ProcessExit second_ending = RunUntilEnd(second);
  ReapAll();
  if (first_ending.killed || second_ending.killed) return Fail("a process was killed");
  if (first_ending.exit_code != 1020) return Fail("one process got ", first_ending.exit_code);
  if (second_ending.exit_code != 2020) return Fail("the other got ", second_ending.exit_code);
  return Pass();
}

TestResult TestUserFaults() {
  constexpr uint32_t kKernel = 0xC0100000;
  constexpr uint32_t kHypercallGate = lguest::kHypercallVector * 8 + 2;
  static constexpr ExpectedFault kFaults[] = {
      {"a write to null", UserFault::kWriteNull, kPageFault, kFaultUser | kFaultWrite},
      {"a read of the kernel", UserFault::kReadKernel, kPageFault, kFaultUser | kFaultPresent},
      {"a jump to the kernel", UserFault::kJumpToKernel, kPageFault, kFaultUser | kFaultPresent},
      {"ud2", UserFault::kUndefinedInstruction, kInvalidOpcode, 0},
      {"division by zero", UserFault::kDivideByZero, kDivideError, 0},
      {"hlt", UserFault::kHalt, kGeneralProtection, 0},
      {"a hypercall", UserFault::kHypercall, kGeneralProtection, kHypercallGate},
      {"in", UserFault::kIn, kGeneralProtection, 0},
      {"int3", UserFault::kBreak, kBreakpoint, 0},
  };
  for (const ExpectedFault& fault : kFaults) {
    const ProcessExit ending = RunProgram(Program::kFault, static_cast<uint32_t>(fault.kind));
    if (!ending.killed) return Fail(fault.what, " did not fault");
    // A host with its own page tables need not map a page that the guest's tables map.
    const uint32_t optional = fault.vector == kPageFault ? kFaultPresent : 0;
    if (ending.vector != fault.vector || (ending.error | optional) != (fault.error | optional)) {
      return Fail(fault.what, " gave trap ", ending.vector, " error ", Hex{ending.error});
    }
    const uint32_t address = fault.kind == UserFault::kWriteNull ? 0x10 : kKernel;
    if (fault.vector == kPageFault && ending.address != address) {
      return Fail(fault.what, " gave cr2 ", Hex{ending.address});
    }
  }
  return Pass();
}

}  // namespace guest
