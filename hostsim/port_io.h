// `in` and `out` of a guest kernel that probes for hardware.

#ifndef HOSTSIM_PORT_IO_H_
#define HOSTSIM_PORT_IO_H_

#include "absl/status/statusor.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Carries out the port instruction at %eip as if there were no device: `in` reads all ones, `out`
// is ignored (ABI.md §4.17). False when the instruction is another, or not the guest kernel's.
// Aborted when it does not lie in guest memory.
absl::StatusOr<bool> EmulatePortInstruction(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_PORT_IO_H_
