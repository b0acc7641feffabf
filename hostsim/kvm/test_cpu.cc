#include <memory>

#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_device.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/kvm_vcpu.h"
#include "hostsim/new_test_cpu.h"

namespace lguest::hostsim {

absl::StatusOr<std::unique_ptr<Vcpu>> NewTestCpu(GuestMemory& memory) {
  static const absl::StatusOr<KvmFd>* const kKvm = new absl::StatusOr<KvmFd>(OpenKvm());
  if (!kKvm->ok()) return kKvm->status();
  return KvmVcpu::Create(**kKvm, memory);
}

}  // namespace lguest::hostsim
