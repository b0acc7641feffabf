// Executes the guest's hypercalls.

#ifndef HOSTSIM_HYPERCALLS_H_
#define HOSTSIM_HYPERCALLS_H_

#include "absl/status/status.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Executes the hypercalls in the guest's async ring, then the pending direct hypercall, if any
// (ABI.md §4.1, §4.13). Stops after a SEND_DMA or NOTIFY: the launcher must serve it first, and the
// next ExecuteHypercalls() executes the rest. Fails with Aborted and the reason of death if the
// guest must die.
absl::Status ExecuteHypercalls(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_HYPERCALLS_H_
