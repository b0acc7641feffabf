// Delivers traps and interrupts to the guest kernel.

#ifndef HOSTSIM_TRAP_DELIVERY_H_
#define HOSTSIM_TRAP_DELIVERY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Enters the guest's handler of `vector` (ABI.md §4.15): pushes the frame on the ring-1 stack, and
// disables interrupts if the gate is an interrupt gate. Returns false if the guest has no handler.
// Fails with Aborted if the stack is not in guest memory.
absl::StatusOr<bool> DeliverTrap(GuestState& guest, uint32_t vector, uint32_t error_code);

// Delivers the deliverable interrupt with the lowest number, if any (ABI.md §4.14). Wakes the guest
// if it is halted. Fails with Aborted if the stack is not in guest memory.
absl::Status DeliverInterrupt(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TRAP_DELIVERY_H_
