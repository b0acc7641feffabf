// Executes the guest's hypercalls.

#ifndef HOSTSIM_HYPERCALLS_H_
#define HOSTSIM_HYPERCALLS_H_

#include "absl/status/status.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Executes the asynchronous hypercalls in the guest's ring, then the direct one that is pending, if
// any (ABI.md §4.1, §4.13). Stops early when a hypercall sends a DMA to the launcher: the launcher
// must serve it first, and the next call executes the rest. Aborted, with the reason, when the
// guest must die.
absl::Status ExecuteHypercalls(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_HYPERCALLS_H_
