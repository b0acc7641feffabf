// /dev/kvm, and whether it can run a guest.

#ifndef HOSTSIM_KVM_KVM_DEVICE_H_
#define HOSTSIM_KVM_KVM_DEVICE_H_

#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_fd.h"

namespace lguest::hostsim {

// Opens /dev/kvm and makes a machine that can run an i386 with paging. That some cannot shows only
// when it is tried, and the kernel takes more than 10 ms to throw a machine away: the one that was
// tried is kept. Unavailable, with what is missing and what helps, if there is none.
absl::StatusOr<KvmMachine> OpenKvm();

// Whether the processor translates a guest's addresses by itself. Without that KVM keeps page
// tables of its own, and a guest that changes its page tables is slow.
bool HasNestedPaging();

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KVM_DEVICE_H_
