#include "hostsim/testing/test_platform.h"

#include <memory>
#include <string>

#include "hostsim/softcpu/soft_cpu.h"

namespace lguest::hostsim {

const TestPlatform& CurrentTestPlatform() {
  static const auto* const kPlatform =
      new TestPlatform{.name = "SoftwareCpu",
                       .new_cpu = [](GuestMemory& memory) -> absl::StatusOr<std::unique_ptr<Vcpu>> {
                         return SoftCpu::Create(memory);
                       },
                       .missing = [](CpuFeature /*feature*/) { return std::string(); }};
  return *kPlatform;
}

}  // namespace lguest::hostsim
