// What a guest asks of its host.

#ifndef HOSTSIM_HYPERCALLS_H_
#define HOSTSIM_HYPERCALLS_H_

#include "absl/status/status.h"
#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Does the asynchronous hypercalls in the guest's ring, then the direct one that waits, if any
// (ABI.md §4.1, §4.13). Stops early when one of them sends a DMA to the launcher: that has to be
// served first, the rest is done by the next call. Aborted, with the reason, when the guest has to
// die.
absl::Status ExecuteHypercalls(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_HYPERCALLS_H_
