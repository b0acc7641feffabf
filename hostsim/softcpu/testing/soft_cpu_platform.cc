#include "hostsim/softcpu/testing/soft_cpu_platform.h"

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace lguest::hostsim {

TestPlatform SoftCpuPlatform(const char* name, const SoftCpuOptions& options) {
  return {.name = name,
          .new_cpu = [options](GuestMemory& memory) -> absl::StatusOr<std::unique_ptr<Vcpu>> {
            return SoftCpu::Create(memory, options);
          },
          .missing = [counts = options.counts_instructions](CpuFeature feature) -> std::string {
            switch (feature) {
              case CpuFeature::kEntersEveryHandler:
                return "the accelerator enters handlers of system calls and page faults only";
              case CpuFeature::kServesLoadTls:
                return "the accelerator serves no hypercall";
              case CpuFeature::kCountsInstructions:
                return counts ? "" : "counting is off";
              default:
                return "";
            }
          }};
}

}  // namespace lguest::hostsim
