#include "hostsim/conformance/code_guest.h"

#include <string>
#include <utility>
#include <vector>

#include "hostsim/clock.h"
#include "hostsim/new_test_cpu.h"
#include "hostsim/script_code.h"
#include "hostsim/software_host.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kTscKhz = 1'000'000;

class CodeGuest final : public ConformanceMachine {
 public:
  CodeGuest(Script script, const BootState& boot, std::unique_ptr<GuestMemory> memory,
            std::unique_ptr<Vcpu> cpu)
      : script_(std::move(script)),
        boot_(boot),
        memory_(std::move(memory)),
        cpu_(std::move(cpu)),
        clock_(NewRealClock()),
        host_(*memory_, *cpu_, *clock_, {.tsc_khz = kTscKhz, .quirks = Quirks::kLinux2623}) {}

  GuestMemory& memory() override { return *memory_; }
  Host& host() override { return host_; }
  BootState boot() const override { return boot_; }
  std::vector<std::string> failures() const override {
    return ScriptCodeFailures(script_, *memory_);
  }

 private:
  const Script script_;
  const BootState boot_;
  const std::unique_ptr<GuestMemory> memory_;
  const std::unique_ptr<Vcpu> cpu_;
  const std::unique_ptr<Clock> clock_;
  SoftwareHost host_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ConformanceMachine>> MakeCodeGuest(const Script& script) {
  absl::StatusOr<std::unique_ptr<GuestMemory>> memory = GuestMemory::Create(kScriptMemorySize);
  if (!memory.ok()) return memory.status();
  const absl::StatusOr<BootState> boot = LoadScriptCode(script, **memory);
  if (!boot.ok()) return boot.status();
  absl::StatusOr<std::unique_ptr<Vcpu>> cpu = NewTestCpu(**memory);
  if (!cpu.ok()) return cpu.status();
  return std::make_unique<CodeGuest>(script, *boot, *std::move(memory), *std::move(cpu));
}

}  // namespace lguest::hostsim
