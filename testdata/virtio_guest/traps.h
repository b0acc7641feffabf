// Traps, interrupts and the timer (VIRTIO_ABI.md §5).

#ifndef TESTDATA_VIRTIO_GUEST_TRAPS_H_
#define TESTDATA_VIRTIO_GUEST_TRAPS_H_

#include <cstdint>

namespace guest {

// The registers of the interrupted code, as entry.S and the CPU push them.
struct TrapFrame {
  uint32_t edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
  uint32_t vector, error;
  uint32_t eip, cs, eflags;
  uint32_t esp, ss;  // only pushed for a trap at ring 3
};

// What ended the code in CatchTrap().
struct CaughtTrap {
  bool caught;
  uint32_t vector;
  uint32_t error;
  uint32_t address;      // cr2, only for a page fault
  uint32_t irq_enabled;  // in the handler
  uint32_t eax;
};

// Loads gates and segments, and unblocks all interrupts. Does not enable interrupts.
void InitTraps();

// Runs code that traps, and abandons it there.
CaughtTrap CatchTrap(void (*code)());

// Interrupts `irq` since the start.
uint32_t Interrupts(uint32_t irq);
inline constexpr uint32_t kTimer = 0;

// Waits until `condition` holds, which an interrupt must cause, or for about a second. Returns
// whether it holds.
template <typename Condition>
bool WaitFor(const Condition& condition);

// Takes all interrupts that are pending.
void TakeInterrupts();

// Arms the timer and halts. Interrupts are off afterwards.
void Sleep(uint32_t nanoseconds);

template <typename Condition>
bool WaitFor(const Condition& condition) {
  constexpr uint32_t kTick = 1'000'000;
  for (int i = 0; i < 1000 && !condition(); ++i) Sleep(kTick);
  return condition();
}

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_TRAPS_H_
