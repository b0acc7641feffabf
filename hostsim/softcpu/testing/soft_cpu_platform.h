// The software CPU as a platform of CPU tests.

#ifndef HOSTSIM_SOFTCPU_TESTING_SOFT_CPU_PLATFORM_H_
#define HOSTSIM_SOFTCPU_TESTING_SOFT_CPU_PLATFORM_H_

#include "hostsim/softcpu/soft_cpu.h"
#include "hostsim/testing/test_platform.h"

namespace lguest::hostsim {

TestPlatform SoftCpuPlatform(const char* name, const SoftCpuOptions& options);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_TESTING_SOFT_CPU_PLATFORM_H_
