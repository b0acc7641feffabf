// Processes: ring 3 programs that take turns, each with its own address space and kernel stack.

#ifndef TESTDATA_GUEST_PROCESS_H_
#define TESTDATA_GUEST_PROCESS_H_

#include <array>
#include <cstdint>

#include "testdata/guest/fpu.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/paging.h"
#include "testdata/guest/syscalls.h"

namespace guest {

// How a process ended.
struct ProcessExit {
  bool killed = false;
  uint32_t exit_code = 0;  // if it exited
  uint32_t vector = 0;     // if a trap killed it
  uint32_t error = 0;
  uint32_t address = 0;  // cr2, only for a page fault
  uint32_t eip = 0;
};

struct Process {
  enum class State { kFree, kRunnable, kSleeping, kWaiting, kEnded };

  State state = State::kFree;
  uint32_t pid = 0;
  AddressSpace memory;
  uint32_t kernel_stack = 0;  // guest-physical, one page
  uint32_t parked_at = 0;     // stack pointer while it does not run
  uint32_t wake_tick = 0;     // while sleeping
  uint32_t waits_for = 0;     // the pid, while waiting
  uint64_t tls = 0;
  FpuState fpu;
  uint32_t preemptions = 0;
  ProcessExit ending;
};

inline constexpr uint32_t kMaxProcesses = 8;

void InitProcesses();

// Creates a process that will run `program`. Crashes the guest if there are too many processes.
Process& StartProcess(Program program, uint32_t argument = 0);

// Runs all processes in turns until `process` has ended. Its entry stays until ReapAll().
const ProcessExit& RunUntilEnd(const Process& process);

// Runs one program alone and reaps it.
ProcessExit RunProgram(Program program, uint32_t argument = 0);

// Ends all processes and frees their resources.
void ReapAll();

// For trap handlers and system calls: the process that trapped.
Process& CurrentProcess();
Process* FindProcess(uint32_t pid);
Process& ForkCurrentProcess(const TrapFrame& frame);
void EndCurrentProcess(const ProcessExit& ending);
void KillCurrentProcess(const TrapFrame& frame, uint32_t address);

// Gives up the CPU. Returns when the process is scheduled again.
void Yield();

// Yields if the time slice of the process is over.
void YieldIfDue();

}  // namespace guest

#endif  // TESTDATA_GUEST_PROCESS_H_
