// The platform that CPU tests run on.
//
// A test program links one platform, which defines CurrentTestPlatform(): the software CPU
// (hostsim/softcpu/test_platform.cc, or counted_test_platform.cc to count instructions) or KVM
// (hostsim/kvm/test_platform.cc).

#ifndef HOSTSIM_TESTING_TEST_PLATFORM_H_
#define HOSTSIM_TESTING_TEST_PLATFORM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// Features of a CPU beyond the contract of Vcpu that a test may need.
enum class CpuFeature : uint8_t {
  kReportsBadEntries,      // Trap::Kind::kBadPageDirectoryEntry and kBadPageTableEntry
  kHostAreaOfOnePage,      // ring 1 can read one page above 0xFFC00000 and no other
  kPentiumThreeOnly,       // instructions of later processors are invalid
  kExactSelfModification,  // code may change the next instruction
  kRefusesVirtual8086,     // iret with EFLAGS.VM in the image is #GP(0)
  kExactEflags,            // a fault leaves no EFLAGS bit that a guest cannot have
  kTablesChangeUnseen,     // the launcher may change page tables and flush afterwards
  kEntersEveryHandler,     // the accelerator enters the handler of every vector that it may enter
  kServesLoadTls,          // the accelerator serves LOAD_TLS
  kCountsInstructions,     // Vcpu::counted()
};

struct TestPlatform {
  std::string name;

  // Makes a CPU. The memory outlives the CPU.
  std::function<absl::StatusOr<std::unique_ptr<Vcpu>>(GuestMemory& memory)> new_cpu;

  // Why the CPU lacks a feature; empty if the CPU has it.
  std::function<std::string(CpuFeature feature)> missing;

  // Each test starts a virtual machine inside an emulated machine. On a slow platform, suites with
  // hundreds of cases run a selection, and skip tests that do not depend on the CPU.
  bool is_slow = false;
};

const TestPlatform& CurrentTestPlatform();

// Skips the rest of the test, with the reason, on a CPU without `feature`.
#define LGUEST_REQUIRE_CPU(feature)                                                             \
  if (const std::string why = CurrentTestPlatform().missing(CpuFeature::feature); !why.empty()) \
  GTEST_SKIP() << CurrentTestPlatform().name << ": " << why

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TESTING_TEST_PLATFORM_H_
