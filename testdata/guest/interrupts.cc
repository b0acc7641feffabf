#include "testdata/guest/interrupts.h"

#include "testdata/guest/process.h"
#include "testdata/guest/text.h"

extern "C" {
extern char trap_stubs[];
extern uint32_t catch_stack;
void CatchLanding();
bool CallCatching(void (*code)());
void HandleTrap(guest::TrapFrame& frame);
}

namespace guest {
namespace {

constexpr uint32_t kStubBytes = 16;
constexpr uint32_t kStubs = 64;  // the stub of the system call follows
constexpr uint32_t kHandlers = kStubs + 1;

constexpr uint32_t kPresent = 0x8000;
constexpr uint32_t kInterruptGate = 0x0e00;
constexpr uint32_t kTrapGate = 0x0f00;
constexpr uint32_t kFromRing3 = 0x6000;
constexpr uint32_t kFromRing1 = 0x2000;

TrapHandler handlers[kHandlers];
CaughtTrap caught_trap;

// The system call's handler comes after all others.
constexpr uint32_t HandlerIndex(uint32_t vector) {
  return vector == lguest::kSystemCallVector ? kStubs : vector;
}

void LoadGate(uint8_t vector, uint32_t type) {
  const uint32_t entry = reinterpret_cast<uint32_t>(trap_stubs) + HandlerIndex(vector) * kStubBytes;
  const uint32_t low = (uint32_t{lguest::kGuestKernelCs} << 16) | (entry & 0xffff);
  const uint32_t high = (entry & 0xffff0000) | kPresent | type;
  CallHost(Hypercall::kLoadIdtEntry, vector, low, high);
}

}  // namespace

void InitInterrupts() {
  for (uint32_t vector = 0; vector < kStubs; ++vector) {
    // The host ignores these vectors, because it uses them itself.
    if (vector == 2 || vector == 8 || vector == 15 || vector == 31) continue;
    LoadGate(static_cast<uint8_t>(vector), kInterruptGate | kFromRing1);
  }
  // The CPU takes these trap gates without the host. They do not change irq_enabled.
  LoadGate(kDivideError, kTrapGate | kFromRing1);
  LoadGate(kBreakpoint, kTrapGate | kFromRing3);
  LoadGate(lguest::kSystemCallVector, kTrapGate | kFromRing3);
}

void SetTrapHandler(uint8_t vector, TrapHandler handler) {
  handlers[HandlerIndex(vector)] = handler;
}

void SetInterruptHandler(uint32_t irq, TrapHandler handler) {
  handlers[lguest::kFirstIrqVector + irq] = handler;
  UnblockInterrupt(irq);
}

void BlockInterrupt(uint32_t irq) {
  WriteOnce(lguest_data.blocked_interrupts, lguest_data.blocked_interrupts | (1u << irq));
}

void UnblockInterrupt(uint32_t irq) {
  WriteOnce(lguest_data.blocked_interrupts, lguest_data.blocked_interrupts & ~(1u << irq));
}

void DieOfTrap(const TrapFrame& frame) {
  if (frame.FromUser()) {
    KillCurrentProcess(frame, lguest_data.cr2);
    return;
  }
  Crash(Text("kernel trap ", frame.vector, " error ", Hex{frame.error}, " at ", Hex{frame.eip},
             " cr2 ", Hex{lguest_data.cr2})
            .View());
}

CaughtTrap CatchTrap(void (*code)()) {
  caught_trap = {};
  caught_trap.caught = CallCatching(code);
  return caught_trap;
}

}  // namespace guest

// entry.S calls this for all traps and interrupts.
void HandleTrap(guest::TrapFrame& frame) {
  using guest::caught_trap;
  const bool is_interrupt = frame.vector >= lguest::kFirstIrqVector && frame.vector < 64;
  if (catch_stack != 0 && !frame.FromUser() && !is_interrupt) {
    caught_trap = {.caught = true,
                   .vector = frame.vector,
                   .error = frame.error,
                   .address = lguest_data.cr2,
                   .eip = frame.eip,
                   .eflags = frame.eflags};
    frame.eip = reinterpret_cast<uint32_t>(CatchLanding);
    return;
  }
  if (const guest::TrapHandler handler = guest::handlers[guest::HandlerIndex(frame.vector)]) {
    handler(frame);
  } else if (!is_interrupt) {
    guest::DieOfTrap(frame);
  }
  if (frame.FromUser()) guest::YieldIfDue();
}
