// Where the guest wants to be told of traps and interrupts.

#ifndef HOSTSIM_TRAP_GATES_H_
#define HOSTSIM_TRAP_GATES_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// One entry of the guest's interrupt descriptor table.
struct Gate {
  GuestVirt handler;
  uint8_t privilege = 0;             // the outermost ring that may name it with `int n`
  bool disables_interrupts = false;  // an interrupt gate, not a trap gate
  bool present = false;
};

// The guest's IDT (lguest interface, section 4: LOAD_IDT_ENTRY): vectors 0 to 63 and 0x80.
class TrapGates {
 public:
  // Aborted when a present gate is neither interrupt nor trap gate. Vectors that a guest cannot
  // have are ignored.
  absl::Status Load(uint32_t vector, uint32_t low, uint32_t high);

  // Not present where the guest has set none, or may not have one.
  Gate Find(uint32_t vector) const;

  // Whether `int n` at ring `privilege` reaches the guest's handler; otherwise it is a #GP.
  bool MayInvoke(uint32_t vector, uint32_t privilege) const;

 private:
  std::array<Gate, kFirstIrqVector + kInterrupts> gates_ = {};
  Gate system_call_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TRAP_GATES_H_
