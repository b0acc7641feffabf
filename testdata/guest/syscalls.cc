#include "testdata/guest/syscalls.h"

#include <algorithm>

#include "testdata/guest/console.h"
#include "testdata/guest/gdt.h"
#include "testdata/guest/process.h"
#include "testdata/guest/timer.h"

namespace guest {
namespace {

// Writes text of a process, page by page, because its pages are not contiguous. Stops at the first
// invalid address.
uint32_t Write(uint32_t address, uint32_t bytes) {
  uint32_t done = 0;
  while (done < bytes) {
    const uint32_t at = address + done;
    const char* text = CurrentProcess().memory.Resolve(at, /*write=*/false);
    if (text == nullptr) return kSystemCallError;
    const uint32_t in_page = std::min(bytes - done, kPageSize - at % kPageSize);
    WriteConsole({text, in_page});
    done += in_page;
  }
  return done;
}

uint32_t Wait(uint32_t pid) {
  const Process* child = FindProcess(pid);
  if (child == nullptr) return kSystemCallError;
  Process& process = CurrentProcess();
  process.waits_for = pid;
  process.state = Process::State::kWaiting;
  Yield();
  return child->ending.killed ? kSystemCallError : child->ending.exit_code;
}

void Sleep(uint32_t ms) {
  Process& process = CurrentProcess();
  process.wake_tick = TimerInterrupts() + ms / kTickMs + 1;
  process.state = Process::State::kSleeping;
  Yield();
}

void SetTls(uint32_t address) {
  Process& process = CurrentProcess();
  process.tls = MakeSegment(address, 0, kRing3Data);
  LoadTls(process.tls);
}

void HandleSystemCall(TrapFrame& frame) {
  // The gate is a trap gate, which leaves interrupts enabled. The return to the process restores
  // them from the frame.
  DisableInterrupts();
  const uint32_t first = frame.ebx;
  const uint32_t second = frame.ecx;
  frame.eax = [&]() -> uint32_t {
    switch (static_cast<SystemCall>(frame.eax)) {
      case SystemCall::kExit:
        EndCurrentProcess({.exit_code = first});
        return 0;
      case SystemCall::kWrite:
        return Write(first, second);
      case SystemCall::kYield:
        Yield();
        return 0;
      case SystemCall::kGetPid:
        return CurrentProcess().pid;
      case SystemCall::kFork:
        return ForkCurrentProcess(frame).pid;
      case SystemCall::kWait:
        return Wait(first);
      case SystemCall::kSleep:
        Sleep(first);
        return 0;
      case SystemCall::kSetTls:
        SetTls(first);
        return 0;
    }
    return kSystemCallError;
  }();
}

}  // namespace

void InitSystemCalls() { SetTrapHandler(lguest::kSystemCallVector, HandleSystemCall); }

}  // namespace guest
