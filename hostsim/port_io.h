// Emulates `in` and `out` of a guest kernel that probes for hardware.

#ifndef HOSTSIM_PORT_IO_H_
#define HOSTSIM_PORT_IO_H_

#include "absl/status/statusor.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Executes the port instruction at %eip as if no device existed: `in` reads all ones, `out` has no
// effect (ABI.md §4.17), except that a reset by the keyboard controller ends the guest with
// kRestartReason. Returns false if it is another instruction or not in kernel code. Fails
// with Aborted if the instruction is not in guest memory.
absl::StatusOr<bool> EmulatePortInstruction(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_PORT_IO_H_
