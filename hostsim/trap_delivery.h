// Traps and interrupts, as the guest's kernel gets them.

#ifndef HOSTSIM_TRAP_DELIVERY_H_
#define HOSTSIM_TRAP_DELIVERY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Makes the guest enter its handler of `vector`: pushes the frame on its ring-1 stack and turns its
// interrupts off where the gate says so. False when it has no such handler. Aborted when its stack
// is not in its memory.
absl::StatusOr<bool> DeliverTrap(GuestState& guest, uint32_t vector, uint32_t error_code);

// Delivers the first interrupt that is pending, not blocked and welcome, and wakes the guest when
// it is halted (ABI.md §4.14). Aborted when its stack is not in its memory.
absl::Status DeliverInterrupt(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TRAP_DELIVERY_H_
