// File descriptors of KVM: the device, a virtual machine, a virtual CPU.

#ifndef HOSTSIM_KVM_KVM_FD_H_
#define HOSTSIM_KVM_KVM_FD_H_

#include "absl/status/statusor.h"

namespace lguest::hostsim {

// A file descriptor that closes itself.
class KvmFd {
 public:
  KvmFd() = default;
  explicit KvmFd(int fd) : fd_(fd) {}
  ~KvmFd();
  KvmFd(KvmFd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  KvmFd& operator=(KvmFd&& other) noexcept;

  int get() const { return fd_; }

  // An ioctl that is not interrupted; `what` names it in the error.
  absl::StatusOr<int> Ioctl(unsigned long request, unsigned long argument, const char* what) const;
  template <typename T>
  absl::StatusOr<int> Ioctl(unsigned long request, T* argument, const char* what) const {
    return Ioctl(request, reinterpret_cast<unsigned long>(argument), what);
  }

 private:
  int fd_ = -1;
};

// A virtual machine with one virtual CPU, as OpenKvm() makes it: without memory, and never run.
struct KvmMachine {
  KvmFd device;
  KvmFd vm;
  KvmFd vcpu;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KVM_FD_H_
