#include "hostsim/testing/test_platform.h"

#include <memory>
#include <string>

#include "hostsim/softcpu/soft_cpu.h"

namespace lguest::hostsim {

const TestPlatform& CurrentTestPlatform() {
  static const auto* const kPlatform = new TestPlatform{
      .name = "SoftwareCpu",
      .new_cpu = [](GuestMemory& memory) -> absl::StatusOr<std::unique_ptr<Vcpu>> {
        return SoftCpu::Create(memory);
      },
      .missing = [](CpuFeature feature) -> std::string {
        switch (feature) {
          case CpuFeature::kEntersEveryHandler:
            return "the accelerator enters handlers of system calls and page faults only";
          case CpuFeature::kServesLoadTls:
            return "the accelerator serves no hypercall";
          default:
            return "";
        }
      }};
  return *kPlatform;
}

}  // namespace lguest::hostsim
