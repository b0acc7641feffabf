// Which CPU a test's guest code runs on.

#ifndef HOSTSIM_NEW_TEST_CPU_H_
#define HOSTSIM_NEW_TEST_CPU_H_

#include <memory>

#include "absl/status/statusor.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// A new CPU of the kind that the program is linked with (//hostsim/softcpu:test_cpu,
// //hostsim/kvm:test_cpu); the memory outlives it.
absl::StatusOr<std::unique_ptr<Vcpu>> NewTestCpu(GuestMemory& memory);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_NEW_TEST_CPU_H_
