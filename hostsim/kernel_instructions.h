// Instructions of guest kernels from 2.6.24 on that the host executes (VIRTIO_ABI.md §5.5, §9.6).

#ifndef HOSTSIM_KERNEL_INSTRUCTIONS_H_
#define HOSTSIM_KERNEL_INSTRUCTIONS_H_

#include "absl/status/statusor.h"
#include "hostsim/guest_state.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {

// The guest has raised #GP(0). Executes `in`, `out`, `cli` or `mov` of %cr0. Returns false if it is
// another instruction or not at ring 1. Fails with Aborted if a device or the guest's restart by
// the keyboard controller ends the guest.
absl::StatusOr<bool> ExecutePrivileged(GuestState& guest);

// The guest has raised #UD. Turns a `vmcall` at ring 1 into a pending hypercall. Returns false for
// anything else.
bool ExecuteVmcall(GuestState& guest);

// The guest has accessed a page that is not in guest memory. Executes a `mov` from or to device
// memory. Returns false if the page is not device memory. Fails with Aborted for any other
// instruction, and if a device ends the guest.
absl::StatusOr<bool> ExecuteDeviceAccess(GuestState& guest, const Trap& trap);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KERNEL_INSTRUCTIONS_H_
