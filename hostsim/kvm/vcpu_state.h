// The processor state in which the switcher runs.

#ifndef HOSTSIM_KVM_VCPU_STATE_H_
#define HOSTSIM_KVM_VCPU_STATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/switcher.h"

namespace lguest::hostsim {

// Protected mode with paging; MP, ET, NE, WP and AM as Linux has them.
inline constexpr uint32_t kCr0Paging = 0x80000000;
inline constexpr uint32_t kCr0 = 0x80050033;
inline constexpr uint32_t kCr0TaskSwitched = 8;

// Puts a virtual CPU that has just been made into ring 0, with paging through `page_directory`, the
// switcher's tables and no segments but code and stack.
absl::Status SetRing0State(const KvmFd& vcpu, uint32_t page_directory);

// Does to a virtual CPU that was stopped in the guest's code what a trap would have done: the
// guest's registers are in the frame, and the switcher is about to go on as the frame says.
absl::Status MoveToSwitcher(const KvmFd& vcpu, Switcher& switcher);

// Whether it is still there.
absl::StatusOr<bool> IsAboutToResume(const KvmFd& vcpu);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_VCPU_STATE_H_
