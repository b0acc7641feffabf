#include <memory>

#include "absl/status/statusor.h"
#include "hostsim/new_test_cpu.h"
#include "hostsim/softcpu/soft_cpu.h"

namespace lguest::hostsim {

absl::StatusOr<std::unique_ptr<Vcpu>> NewTestCpu(GuestMemory& memory) {
  return SoftCpu::Create(memory);
}

}  // namespace lguest::hostsim
