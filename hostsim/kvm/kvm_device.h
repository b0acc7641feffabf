// Opens /dev/kvm and verifies that it can run a guest.

#ifndef HOSTSIM_KVM_KVM_DEVICE_H_
#define HOSTSIM_KVM_KVM_DEVICE_H_

#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_fd.h"

namespace lguest::hostsim {

// Opens /dev/kvm and creates a machine that can run an i386 with paging. Some hosts cannot, and
// only a machine shows it. The kernel needs more than 10 ms to destroy a machine, so this machine
// is returned for use. Fails with Unavailable; the message names the cause and a remedy.
absl::StatusOr<KvmMachine> OpenKvm();

// True if the processor has nested paging. Without it KVM uses shadow page tables, and a guest that
// changes its page tables often is slow.
bool HasNestedPaging();

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KVM_DEVICE_H_
