#include "testdata/virtio_guest/traps.h"

#include "testdata/guest/text.h"
#include "testdata/virtio_guest/host.h"

extern "C" {
extern char trap_stubs[];
extern uint32_t catch_stack;
extern unsigned char boot_stack_top[];
void CatchLanding();
bool CallCatching(void (*code)());
void HandleTrap(guest::TrapFrame& frame);
}

namespace guest {

void Handle(TrapFrame& frame);

namespace {

constexpr uint32_t kStubBytes = 16;
constexpr uint32_t kStubs = 64;  // the stub of the system call follows
constexpr uint32_t kFirstInterrupt = 32;
constexpr uint32_t kSystemCall = 0x80;

constexpr uint32_t kGateOfKernel = 0x8e00 | 0x2000;
constexpr uint32_t kSystemCallGate = (SYSTEM_CALL_IS_INTERRUPT_GATE ? 0x8e00 : 0x8f00) | 0x6000;

constexpr uint32_t kGdtEntries = 32;
constexpr uint64_t kKernelCode = 0x00cfba000000ffff;
constexpr uint64_t kKernelData = 0x00cfb2000000ffff;
constexpr uint64_t kUserCode = 0x00cffa000000ffff;
constexpr uint64_t kUserData = 0x00cff2000000ffff;

uint32_t interrupts[32];
CaughtTrap caught_trap;
uint64_t gdt[kGdtEntries];
alignas(16) unsigned char trap_stack[8192];

void LoadGate(uint32_t vector, uint32_t type) {
  const uint32_t stub = vector == kSystemCall ? kStubs : vector;
  const uint32_t entry = reinterpret_cast<uint32_t>(trap_stubs) + stub * kStubBytes;
  CallHost(kLoadIdtEntry, vector, 0x61u << 16 | (entry & 0xffff), (entry & 0xffff0000) | type);
}

void LoadSegments() {
  gdt[12] = kKernelCode;
  gdt[13] = kKernelData;
  gdt[14] = kUserCode;
  gdt[15] = kUserData;
#if HAS_LOAD_GDT_ENTRY
  for (uint32_t i = 12; i < 16; ++i) {
    CallHost(kLoadGdtEntry, i, static_cast<uint32_t>(gdt[i]), static_cast<uint32_t>(gdt[i] >> 32));
  }
#else
  CallHost(kLoadGdt, ToPhys(gdt), kGdtEntries);
#endif
}

}  // namespace

void InitTraps() {
  LoadSegments();
  for (uint32_t vector = 0; vector < kStubs; ++vector) LoadGate(vector, kGateOfKernel);
  LoadGate(kSystemCall, kSystemCallGate);
  // Linux loads gates of all vectors; the host ignores these.
  for (uint32_t vector = kStubs; vector < 256; vector += 16) {
    if (vector != kSystemCall) LoadGate(vector, kGateOfKernel);
  }
  CallHost(kSetStack, 0x69, reinterpret_cast<uint32_t>(trap_stack) + sizeof(trap_stack), 1);
  WriteOnce(DataField(kBlockedInterrupts), 0u);
}

CaughtTrap CatchTrap(void (*code)()) {
  caught_trap = {};
  caught_trap.caught = CallCatching(code);
  return caught_trap;
}

uint32_t Interrupts(uint32_t irq) { return ReadOnce(interrupts[irq]); }

void TakeInterrupts() {
  constexpr int kMost = 32;
  CallHost(kSetClockevent, 0);
  EnableInterrupts();
  for (int i = 0; i < kMost; ++i) CallHost(kFlushAsync);
  DisableInterrupts();
}

void Sleep(uint32_t nanoseconds) {
  CallHost(kSetClockevent, nanoseconds);
  CallHost(kHalt);
  DisableInterrupts();
}

void Handle(TrapFrame& frame) {
  if (frame.vector >= kFirstInterrupt && frame.vector < kStubs) {
    ++interrupts[frame.vector - kFirstInterrupt];
    return;
  }
  if (catch_stack == 0) {
    Crash(Text("trap ", frame.vector, " error ", Hex{frame.error}, " at ", Hex{frame.eip}, " cr2 ",
               Hex{DataField(kCr2)})
              .View());
  }
  caught_trap = {.caught = true,
                 .vector = frame.vector,
                 .error = frame.error,
                 .address = DataField(kCr2),
                 .irq_enabled = ReadOnce(DataField(kIrqEnabled)),
                 .eax = frame.eax};
  DisableInterrupts();
  if ((frame.cs & 3) == 3) {
    CatchLanding();  // does not return: the stack of the code that was caught is another one
  }
  frame.eip = reinterpret_cast<uint32_t>(CatchLanding);
}

}  // namespace guest

void HandleTrap(guest::TrapFrame& frame) { guest::Handle(frame); }
