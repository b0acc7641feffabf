// The hosts of a 64-bit launcher.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "hostsim/clock.h"
#include "hostsim/count_stops.h"
#include "hostsim/kvm/kvm_device.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/kvm_vcpu.h"
#include "hostsim/softcpu/soft_cpu.h"
#include "hostsim/software_host.h"
#include "hostsim/tsc.h"
#include "hostsim/vcpu.h"
#include "hostsim/virtual_clock.h"
#include "launcher/base/status_macros.h"
#include "launcher/host_factory.h"
#include "launcher/timetravel/counted_machine.h"

namespace lguest {
namespace {

using hostsim::KvmMachine;
using hostsim::Vcpu;

// A software host on some CPU.
class SoftwareMachine final : public HostMachine {
 public:
  SoftwareMachine(GuestMemory& memory, std::unique_ptr<Vcpu> cpu,
                  std::unique_ptr<hostsim::Clock> clock, const hostsim::HostTraits& traits,
                  std::string description)
      : cpu_(std::move(cpu)),
        clock_(std::move(clock)),
        host_(memory, *cpu_, *clock_, traits),
        description_(std::move(description)) {}

  Host& host() override { return host_; }
  std::string description() const override { return description_; }

 private:
  std::unique_ptr<Vcpu> cpu_;
  std::unique_ptr<hostsim::Clock> clock_;
  hostsim::SoftwareHost host_;
  const std::string description_;
};

// A software host on a CPU that counts, with a clock that follows the count.
class DeterministicMachine final : public HostMachine {
 public:
  // `cpu` counts instructions.
  DeterministicMachine(GuestMemory& memory, std::unique_ptr<Vcpu> cpu,
                       const MachineIdentity& identity)
      : cpu_(std::move(cpu)),
        stops_(*cpu_->counted()),
        clock_(stops_, {.nanos_per_instruction = identity.time.nanos_per_instruction,
                        .start = identity.time.start}),
        host_(memory, *cpu_, clock_,
              {.tsc_khz = hostsim::VirtualClock::kTscKhz, .guest_id = identity.guest_id}) {}

  Host& host() override { return host_; }
  std::string description() const override { return "software CPU (deterministic)"; }
  const timetravel::CountedMachine* counted() const override { return &counted_; }

 private:
  const std::unique_ptr<Vcpu> cpu_;
  hostsim::CountStops stops_;
  hostsim::VirtualClock clock_;
  hostsim::SoftwareHost host_;
  const timetravel::CountedMachine counted_ = {
      .cpu = *cpu_, .stops = stops_, .clock = clock_, .host = host_};
};

using MachineOr = absl::StatusOr<std::unique_ptr<HostMachine>>;

// `tsc` has measured since before the CPU was made.
MachineOr MakeMachine(GuestMemory& memory, std::unique_ptr<Vcpu> cpu,
                      const hostsim::TscCalibration& tsc, uint16_t guest_id,
                      std::string description) {
  ASSIGN_OR_RETURN(std::unique_ptr<hostsim::Clock> clock, hostsim::NewRealClock());
  const hostsim::HostTraits traits = {.tsc_khz = tsc.Khz(), .guest_id = guest_id};
  return std::make_unique<SoftwareMachine>(memory, std::move(cpu), std::move(clock), traits,
                                           std::move(description));
}

// `why`: why it is not another host.
HostPlan PlanSoftCpu(std::string_view why) {
  auto make = [description = absl::StrCat("software CPU (", why, ")")](
                  GuestMemory& memory, const MachineIdentity& identity) mutable -> MachineOr {
    const hostsim::TscCalibration tsc;
    ASSIGN_OR_RETURN(std::unique_ptr<Vcpu> cpu, hostsim::SoftCpu::Create(memory));
    return MakeMachine(memory, std::move(cpu), tsc, identity.guest_id, description);
  };
  return {.placement = GuestMemory::Placement::kAnywhere,
          .packet_mover = PacketMover::kLauncher,
          .serves_all_generations = true,
          .make = std::move(make)};
}

HostPlan PlanDeterministic() {
  auto make = [](GuestMemory& memory, const MachineIdentity& identity) -> MachineOr {
    ASSIGN_OR_RETURN(std::unique_ptr<Vcpu> cpu,
                     hostsim::SoftCpu::Create(memory, {.counts_instructions = true}));
    return std::make_unique<DeterministicMachine>(memory, std::move(cpu), identity);
  };
  return {.placement = GuestMemory::Placement::kAnywhere,
          .packet_mover = PacketMover::kLauncher,
          .serves_all_generations = true,
          .make = std::move(make)};
}

HostPlan PlanKvm(KvmMachine machine, bool nested_paging) {
  auto make = [machine = std::move(machine), nested_paging](
                  GuestMemory& memory, const MachineIdentity& identity) mutable -> MachineOr {
    const hostsim::TscCalibration tsc;
    ASSIGN_OR_RETURN(std::unique_ptr<Vcpu> cpu,
                     hostsim::KvmVcpu::Create(std::move(machine), memory));
    return MakeMachine(memory, std::move(cpu), tsc, identity.guest_id,
                       nested_paging ? "KVM" : "KVM, without nested paging: slow at page tables");
  };
  return {.placement = GuestMemory::Placement::kHugePages,
          .packet_mover = PacketMover::kLauncher,
          .uses_kvm = true,
          .make = std::move(make)};
}

// The best host that this machine has.
HostPlan PlanBest() {
  absl::StatusOr<KvmMachine> kvm = hostsim::OpenKvm();
  if (!kvm.ok()) return PlanSoftCpu(kvm.status().message());
  if (!hostsim::HasNestedPaging()) {
    return PlanSoftCpu(
        "the KVM of this machine has no nested paging, and the software CPU is faster");
  }
  HostPlan plan = PlanKvm(*std::move(kvm), /*nested_paging=*/true);
  plan.for_other_generations =
      std::make_unique<HostPlan>(PlanSoftCpu("KVM serves guests of Linux 2.6.23 only"));
  return plan;
}

}  // namespace

uint32_t MostMemory() { return kMaxMemoryMegabytes << 20; }

absl::StatusOr<HostPlan> PlanHost(HostChoice choice, bool deterministic) {
  if (deterministic) return PlanDeterministic();
  switch (choice) {
    case HostChoice::kDevice:
      return absl::UnavailableError(
          "--host=device: /dev/lguest serves 32-bit launchers only (//launcher:lguest_i386); "
          "--host=sim runs everywhere");
    case HostChoice::kKvm: {
      absl::StatusOr<KvmMachine> kvm = hostsim::OpenKvm();
      if (!kvm.ok()) {
        return absl::UnavailableError(
            absl::StrCat("--host=kvm: ", kvm.status().message(), "; --host=sim runs everywhere"));
      }
      return PlanKvm(*std::move(kvm), hostsim::HasNestedPaging());
    }
    case HostChoice::kSoftCpu:
      return PlanSoftCpu("as chosen");
    case HostChoice::kAuto:
      return PlanBest();
  }
  return absl::InternalError("no such host");
}

}  // namespace lguest
