#include "launcher/hosts.h"

#include <utility>

#include "absl/status/status.h"
#include "hostsim/clock.h"
#include "hostsim/softcpu/soft_cpu.h"
#include "hostsim/software_host.h"
#include "hostsim/tsc.h"

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

}  // namespace

absl::StatusOr<std::unique_ptr<HostMachine>> MakeHost(HostChoice choice, GuestMemory& memory) {
  if (choice == HostChoice::kDevice || choice == HostChoice::kKvm) {
    return absl::UnavailableError(
        "--host=device and --host=kvm are not part of this launcher; --host=sim runs everywhere");
  }
  const hostsim::TscCalibration tsc;
  absl::StatusOr<std::unique_ptr<hostsim::SoftCpu>> cpu = hostsim::SoftCpu::Create(memory);
  if (!cpu.ok()) return cpu.status();
  return std::make_unique<SoftwareMachine>(memory, *std::move(cpu), tsc.Khz());
}

}  // namespace lguest
