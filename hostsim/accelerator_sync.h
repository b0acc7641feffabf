// Keeps the host's knowledge of a guest and that of a CPU with fast paths in step.

#ifndef HOSTSIM_ACCELERATOR_SYNC_H_
#define HOSTSIM_ACCELERATOR_SYNC_H_

#include "hostsim/guest_state.h"

namespace lguest::hostsim {

// Before the guest goes on: lets the CPU know what it may do, if that has changed, and what the
// hypercalls so far have changed.
void SyncToAccelerator(GuestState& guest);

// After it has stopped: learns what the hypercalls that the CPU has served have changed. The guest
// may have written all of it, so it is checked like a hypercall's arguments.
void SyncFromAccelerator(GuestState& guest);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_ACCELERATOR_SYNC_H_
