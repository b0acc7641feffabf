#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_device.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/kvm_vcpu.h"
#include "hostsim/new_test_cpu.h"

namespace lguest::hostsim {

absl::StatusOr<std::unique_ptr<Vcpu>> NewTestCpu(GuestMemory& memory) {
  // KVM sets itself up for the first machine and takes that back with the last, which takes longer
  // than most tests: this one stays.
  static const auto* const kFirst = new absl::StatusOr<KvmMachine>(OpenKvm());
  if (!kFirst->ok()) return kFirst->status();
  absl::StatusOr<KvmMachine> machine = OpenKvm();
  if (!machine.ok()) return machine.status();
  return KvmVcpu::Create(*std::move(machine), memory);
}

}  // namespace lguest::hostsim
