// The processor state in which the switcher runs.

#ifndef HOSTSIM_KVM_VCPU_STATE_H_
#define HOSTSIM_KVM_VCPU_STATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/switcher.h"

namespace lguest::hostsim {

// Initializes a new virtual CPU: ring 0, paging through `page_directory`, the switcher's tables,
// and no segments but code and stack.
absl::Status SetRing0State(const KvmFd& vcpu, uint32_t page_directory);

// Moves a virtual CPU that was stopped in guest code to the switcher, as a trap would: saves the
// guest's registers in the frame and sets RIP to switcher_resume.
absl::Status MoveToSwitcher(const KvmFd& vcpu, Switcher& switcher);

// True if RIP is still at switcher_resume: the virtual CPU has executed nothing since
// MoveToSwitcher().
absl::StatusOr<bool> IsAboutToResume(const KvmFd& vcpu);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_VCPU_STATE_H_
