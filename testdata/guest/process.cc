#include "testdata/guest/process.h"

#include <new>

#include "testdata/guest/gdt.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/pages.h"
#include "testdata/guest/timer.h"

extern "C" {
void SwitchStack(uint32_t* save, uint32_t load);
void ReturnFromTrap();
}

namespace guest {
namespace {

constexpr uint32_t kRing1StackPages = 1;

constinit std::array<Process, kMaxProcesses> processes;
Process* current;              // null while the scheduler runs
uint32_t scheduler_parked_at;  // the scheduler's stack pointer while a process runs
uint32_t next_pid = 1;
uint32_t turn_started;  // tick at which the current turn started

// The stack pointer starts inside of the page: the host derives from it which page to keep mapped.
uint32_t StackTop(const Process& process) {
  constexpr uint32_t kUnused = 16;
  return process.kernel_stack + kPageSize - kUnused + kPageOffset;
}

Process& NewProcess() {
  for (Process& process : processes) {
    if (process.state != Process::State::kFree) continue;
    process = {};
    process.state = Process::State::kRunnable;
    process.pid = next_pid++;
    process.kernel_stack = AllocatePage();
    return process;
  }
  Crash("too many processes");
}

// Prepares a new kernel stack, so that the first switch to it returns to ring 3.
void PrepareStack(Process& process, const TrapFrame& frame) {
  auto* top = reinterpret_cast<TrapFrame*>(StackTop(process)) - 1;
  *top = frame;
  auto* words = reinterpret_cast<uint32_t*>(top);
  *--words = reinterpret_cast<uint32_t>(ReturnFromTrap);
  for (int i = 0; i < 4; ++i) *--words = 0;  // ebp, ebx, esi, edi of SwitchStack
  process.parked_at = reinterpret_cast<uint32_t>(words);
}

void Wake(Process& process) {
  if (process.state == Process::State::kSleeping && TimerInterrupts() >= process.wake_tick) {
    process.state = Process::State::kRunnable;
  }
  if (process.state == Process::State::kWaiting) {
    const Process* awaited = FindProcess(process.waits_for);
    if (awaited == nullptr || awaited->state == Process::State::kEnded) {
      process.state = Process::State::kRunnable;
    }
  }
}

// Returns the next runnable process after `last`, or null if all of them sleep.
Process* PickNext(uint32_t& last) {
  for (uint32_t i = 1; i <= processes.size(); ++i) {
    const uint32_t index = (last + i) % processes.size();
    Wake(processes[index]);
    if (processes[index].state == Process::State::kRunnable) {
      last = index;
      return &processes[index];
    }
  }
  return nullptr;
}

// Runs a process until it yields. Interrupts are off here; the iret to the process enables them.
void Resume(Process& process) {
  current = &process;
  turn_started = TimerInterrupts();
  process.memory.Activate();
  CallHost(Hypercall::kSetStack, lguest::kGuestKernelDs, StackTop(process), kRing1StackPages);
  LoadTls(process.tls);
  SwitchStack(&scheduler_parked_at, process.parked_at);
  ParkFpu(process.fpu);
  current = nullptr;
}

void Reap(Process& process) {
  process.memory.Destroy();
  ReleasePage(process.kernel_stack);
  process.state = Process::State::kFree;
}

void HandlePageFault(TrapFrame& frame) {
  const uint32_t address = lguest_data.cr2;
  if (!frame.FromUser() || !current->memory.HandleFault(address, frame.error)) DieOfTrap(frame);
}

}  // namespace

void InitProcesses() { SetTrapHandler(kPageFault, HandlePageFault); }

Process& StartProcess(Program program, uint32_t argument) {
  Process& process = NewProcess();
  process.memory.Create();
  TrapFrame frame = {};
  frame.ds = frame.es = kUserDs;
  frame.eax = static_cast<uint32_t>(program);
  frame.ebx = argument;
  frame.eip = kUserImage;
  frame.cs = kUserCs;
  frame.eflags = lguest::kInterruptFlag | 2;
  frame.esp = kUserStackTop;
  frame.ss = kUserDs;
  PrepareStack(process, frame);
  return process;
}

const ProcessExit& RunUntilEnd(const Process& process) {
  const InterruptsOff off;
  const Ticking ticking;
  uint32_t last = 0;
  while (process.state != Process::State::kEnded) {
    if (Process* next = PickNext(last)) {
      Resume(*next);
    } else {
      Halt();
      DisableInterrupts();
    }
  }
  return process.ending;
}

ProcessExit RunProgram(Program program, uint32_t argument) {
  const ProcessExit ending = RunUntilEnd(StartProcess(program, argument));
  ReapAll();
  return ending;
}

void ReapAll() {
  // No page directory may be active while it is freed.
  CallHost(Hypercall::kNewPgtable, KernelDirectory());
  for (Process& process : processes) {
    if (process.state != Process::State::kFree) Reap(process);
  }
}

Process& CurrentProcess() { return *current; }

Process* FindProcess(uint32_t pid) {
  for (Process& process : processes) {
    if (process.state != Process::State::kFree && process.pid == pid) return &process;
  }
  return nullptr;
}

Process& ForkCurrentProcess(const TrapFrame& frame) {
  Process& child = NewProcess();
  child.memory.CopyFrom(current->memory);
  child.tls = current->tls;
  SaveFpu(current->fpu);
  child.fpu = current->fpu;
  TrapFrame copy = frame;
  copy.eax = 0;
  PrepareStack(child, copy);
  return child;
}

void EndCurrentProcess(const ProcessExit& ending) {
  current->ending = ending;
  current->state = Process::State::kEnded;
  Yield();
}

void KillCurrentProcess(const TrapFrame& frame, uint32_t address) {
  EndCurrentProcess({.killed = true,
                     .exit_code = 0,
                     .vector = frame.vector,
                     .error = frame.error,
                     .address = address,
                     .eip = frame.eip});
}

void Yield() {
  const InterruptsOff off;
  SwitchStack(&current->parked_at, scheduler_parked_at);
}

void YieldIfDue() {
  if (TimerInterrupts() == turn_started) return;
  ++current->preemptions;
  Yield();
}

}  // namespace guest
