#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_device.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/kvm_vcpu.h"
#include "hostsim/new_test_cpu.h"

namespace lguest::hostsim {

absl::StatusOr<std::unique_ptr<Vcpu>> NewTestCpu(GuestMemory& memory) {
  absl::StatusOr<KvmMachine> machine = OpenKvm();
  if (!machine.ok()) return machine.status();
  return KvmVcpu::Create(*std::move(machine), memory);
}

}  // namespace lguest::hostsim
