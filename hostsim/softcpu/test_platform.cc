#include "hostsim/softcpu/testing/soft_cpu_platform.h"

namespace lguest::hostsim {

const TestPlatform& CurrentTestPlatform() {
  static const auto* const kPlatform = new TestPlatform(SoftCpuPlatform("SoftwareCpu", {}));
  return *kPlatform;
}

}  // namespace lguest::hostsim
