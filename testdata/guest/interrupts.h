// Traps and interrupts: the gates, the frame that entry.S builds, and the virtual interrupt flag.

#ifndef TESTDATA_GUEST_INTERRUPTS_H_
#define TESTDATA_GUEST_INTERRUPTS_H_

#include <cstdint>

#include "launcher/guest/abi.h"
#include "testdata/guest/hypercall.h"
#include "testdata/guest/memory.h"

namespace guest {

inline constexpr uint8_t kDivideError = 0;
inline constexpr uint8_t kBreakpoint = 3;
inline constexpr uint8_t kInvalidOpcode = 6;
inline constexpr uint8_t kFpuNotAvailable = 7;
inline constexpr uint8_t kGeneralProtection = 13;
inline constexpr uint8_t kPageFault = 14;

// Bits of a page fault's error code.
inline constexpr uint32_t kFaultPresent = 1;
inline constexpr uint32_t kFaultWrite = 2;
inline constexpr uint32_t kFaultUser = 4;

// The registers of the interrupted code, in the order in which entry.S and the CPU push them.
struct TrapFrame {
  uint32_t gs, fs, es, ds;
  uint32_t edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
  uint32_t vector, error;
  uint32_t eip, cs, eflags;
  uint32_t esp, ss;  // only pushed for a trap at ring 3

  bool FromUser() const { return (cs & 3) == 3; }
};

using TrapHandler = void (*)(TrapFrame& frame);

// Loads the gates. Does not enable interrupts.
void InitInterrupts();

// Sets the handler of a trap (vector below 32) or of the system call. A trap without a handler
// kills the process, or the kernel if it happened there.
void SetTrapHandler(uint8_t vector, TrapHandler handler);

// Sets the handler and unblocks the interrupt.
void SetInterruptHandler(uint32_t irq, TrapHandler handler);

void BlockInterrupt(uint32_t irq);
void UnblockInterrupt(uint32_t irq);

// Handles an unexpected trap: kills the process, or crashes the guest if the kernel trapped.
void DieOfTrap(const TrapFrame& frame);

// The trap that ended the code in CatchTrap().
struct CaughtTrap {
  bool caught;
  uint32_t vector;
  uint32_t error;
  uint32_t address;  // cr2, only for a page fault
  uint32_t eip;
  uint32_t eflags;
};

// Runs kernel code that should trap, and abandons the code at the trap.
CaughtTrap CatchTrap(void (*code)());

inline void EnableInterrupts() { WriteOnce(lguest_data.irq_enabled, lguest::kInterruptFlag); }
inline void DisableInterrupts() { WriteOnce(lguest_data.irq_enabled, 0u); }

// Disables interrupts during its lifetime.
class InterruptsOff {
 public:
  InterruptsOff() : before_(ReadOnce(lguest_data.irq_enabled)) { DisableInterrupts(); }
  ~InterruptsOff() { WriteOnce(lguest_data.irq_enabled, before_); }
  InterruptsOff(const InterruptsOff&) = delete;
  InterruptsOff& operator=(const InterruptsOff&) = delete;

 private:
  uint32_t before_;
};

// Sleeps until an interrupt has been handled. Call with interrupts off, so that no interrupt can
// come between the caller's check of its condition and the sleep. HALT wakes up nevertheless, and
// enables interrupts (ABI.md §4.10).
inline void Halt() { CallHost(Hypercall::kHalt); }

}  // namespace guest

#endif  // TESTDATA_GUEST_INTERRUPTS_H_
