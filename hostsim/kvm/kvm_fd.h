// File descriptors of KVM: the device, a virtual machine, a virtual CPU.

#ifndef HOSTSIM_KVM_KVM_FD_H_
#define HOSTSIM_KVM_KVM_FD_H_

#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest::hostsim {

class KvmFd : public UniqueFd {
 public:
  using UniqueFd::UniqueFd;

  // Calls ioctl(), again after EINTR. `what` names the request in the error.
  absl::StatusOr<int> Ioctl(unsigned long request, unsigned long argument, const char* what) const;
  template <typename T>
  absl::StatusOr<int> Ioctl(unsigned long request, T* argument, const char* what) const {
    return Ioctl(request, reinterpret_cast<unsigned long>(argument), what);
  }
};

// A virtual machine with one virtual CPU. OpenKvm() creates it without memory, and does not run it.
struct KvmMachine {
  KvmFd device;
  KvmFd vm;
  KvmFd vcpu;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KVM_FD_H_
