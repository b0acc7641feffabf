// Copies guest state between the host and the CPU's HypercallAccelerator.

#ifndef HOSTSIM_ACCELERATOR_SYNC_H_
#define HOSTSIM_ACCELERATOR_SYNC_H_

#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Before the guest runs: gives the accelerator its policy if that has changed, and the state that
// hypercalls have changed. Does nothing before LGUEST_INIT.
void SyncToAccelerator(GuestState& guest);

// After the guest has stopped: reads the state that hypercalls served by the CPU have changed. The
// guest may have written any of it, so it is checked like a hypercall's arguments.
void SyncFromAccelerator(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_ACCELERATOR_SYNC_H_
