#include "hostsim/testing/test_platform.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "hostsim/kvm/kvm_device.h"
#include "hostsim/kvm/kvm_vcpu.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

absl::StatusOr<std::unique_ptr<Vcpu>> NewCpu(GuestMemory& memory) {
  // KVM initializes itself for the first machine and shuts down after the last one. Both take
  // longer than most tests. So keep one machine for the lifetime of the process.
  static const auto* const kFirst = new absl::StatusOr<KvmMachine>(OpenKvm());
  if (!kFirst->ok()) return kFirst->status();
  ASSIGN_OR_RETURN(KvmMachine machine, OpenKvm());
  return KvmVcpu::Create(std::move(machine), memory);
}

std::string Missing(CpuFeature feature) {
  switch (feature) {
    case CpuFeature::kReportsBadEntries:
      return "the processor walks the page tables and does not report bad flags";
    case CpuFeature::kHostAreaOfOnePage:
      return "the switcher has three pages, which ring 1 can reach";
    case CpuFeature::kPentiumThreeOnly:
      return "the guest has all instructions of this processor";
    case CpuFeature::kExactSelfModification:
      return "the processor below KVM is QEMU's translator, which sees the change late";
    case CpuFeature::kRefusesVirtual8086:
      return "a processor ignores EFLAGS.VM outside ring 0";
    case CpuFeature::kExactEflags:
      return "the processor below KVM is QEMU's translator, which leaves other flags";
    case CpuFeature::kTablesChangeUnseen:
      return HasNestedPaging() ? ""
                               : "without nested paging KVM learns of changes from the guest's "
                                 "own writes only";
    case CpuFeature::kCountsInstructions:
      return "a processor has no counter that stops it exactly";
    case CpuFeature::kEntersEveryHandler:
    case CpuFeature::kServesLoadTls:
      return "";
  }
  return "no such feature";
}

}  // namespace

const TestPlatform& CurrentTestPlatform() {
  static const auto* const kPlatform =
      new TestPlatform{.name = "Kvm", .new_cpu = NewCpu, .missing = Missing, .is_slow = true};
  return *kPlatform;
}

}  // namespace lguest::hostsim
