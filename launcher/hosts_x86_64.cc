// The hosts of a 64-bit launcher.

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "hostsim/clock.h"
#include "hostsim/softcpu/soft_cpu.h"
#include "hostsim/software_host.h"
#include "hostsim/tsc.h"
#include "launcher/hosts.h"

namespace lguest {
namespace {

class SoftwareMachine final : public HostMachine {
 public:
  SoftwareMachine(GuestMemory& memory, std::unique_ptr<hostsim::SoftCpu> cpu, uint32_t tsc_khz)
      : cpu_(std::move(cpu)),
        clock_(hostsim::NewRealClock()),
        host_(memory, *cpu_, *clock_, tsc_khz) {}

  Host& host() override { return host_; }
  std::string description() const override {
    return "software CPU (needs nothing of this machine)";
  }

 private:
  std::unique_ptr<hostsim::SoftCpu> cpu_;
  std::unique_ptr<hostsim::Clock> clock_;
  hostsim::SoftwareHost host_;
};

absl::StatusOr<std::unique_ptr<HostMachine>> MakeSoftwareMachine(GuestMemory& memory) {
  const hostsim::TscCalibration tsc;
  absl::StatusOr<std::unique_ptr<hostsim::SoftCpu>> cpu = hostsim::SoftCpu::Create(memory);
  if (!cpu.ok()) return cpu.status();
  return std::make_unique<SoftwareMachine>(memory, *std::move(cpu), tsc.Khz());
}

}  // namespace

absl::StatusOr<HostPlan> PlanHost(HostChoice choice) {
  switch (choice) {
    case HostChoice::kDevice:
      return absl::UnavailableError(
          "--host=device: /dev/lguest serves 32-bit launchers only (//launcher:lguest_i386); "
          "--host=sim runs everywhere");
    case HostChoice::kKvm:
      return absl::UnavailableError(
          "--host=kvm is not part of this launcher; --host=sim runs everywhere");
    case HostChoice::kAuto:
    case HostChoice::kSimulator:
      break;
  }
  return HostPlan{.placement = GuestMemory::Placement::kAnywhere,
                  .packet_mover = PacketMover::kLauncher,
                  .make = MakeSoftwareMachine};
}

}  // namespace lguest
