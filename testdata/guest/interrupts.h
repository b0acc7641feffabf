// Traps and interrupts: the table of gates, the frame that entry.S builds, and the virtual
// interrupt flag.

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

// The interrupted code's registers, in the order in which entry.S and the CPU push them.
struct TrapFrame {
  uint32_t gs, fs, es, ds;
  uint32_t edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
  uint32_t vector, error;
  uint32_t eip, cs, eflags;
  uint32_t esp, ss;  // pushed when coming from ring 3 only

  bool FromUser() const { return (cs & 3) == 3; }
};

using TrapHandler = void (*)(TrapFrame& frame);

// Loads the gates. Interrupts stay off.
void InitInterrupts();

// For traps (vectors below 32) and the system call. Without a handler a trap kills the process, or
// the kernel.
void SetTrapHandler(uint8_t vector, TrapHandler handler);

// Also unblocks it.
void SetInterruptHandler(uint32_t irq, TrapHandler handler);

void BlockInterrupt(uint32_t irq);
void UnblockInterrupt(uint32_t irq);

// What becomes of a trap that nobody expected: the process is killed, or the whole guest if it was
// the kernel's.
void DieOfTrap(const TrapFrame& frame);

// The trap that ended the code of CatchTrap.
struct CaughtTrap {
  bool caught;
  uint32_t vector;
  uint32_t error;
  uint32_t address;  // cr2, of a page fault
  uint32_t eip;
  uint32_t eflags;
};

// Runs kernel code that is meant to trap, and gives up on it when it does.
CaughtTrap CatchTrap(void (*code)());

inline void EnableInterrupts() { WriteOnce(lguest_data.irq_enabled, lguest::kInterruptFlag); }
inline void DisableInterrupts() { WriteOnce(lguest_data.irq_enabled, 0u); }

// Keeps interrupts away while it lives.
class InterruptsOff {
 public:
  InterruptsOff() : before_(ReadOnce(lguest_data.irq_enabled)) { DisableInterrupts(); }
  ~InterruptsOff() { WriteOnce(lguest_data.irq_enabled, before_); }
  InterruptsOff(const InterruptsOff&) = delete;
  InterruptsOff& operator=(const InterruptsOff&) = delete;

 private:
  uint32_t before_;
};

// Sleeps until an interrupt has been handled. Called with interrupts off, so that none slips in
// between the caller's look at the world and the sleep: HALT wakes all the same, and turns them on
// (ABI.md §4.10).
inline void Halt() { CallHost(Hypercall::kHalt); }

}  // namespace guest

#endif  // TESTDATA_GUEST_INTERRUPTS_H_
