// The software host with the 2.6.23 kernel's quirks: with a guest that is scripted, and with one
// whose code runs on the software CPU.

#include <memory>
#include <string>
#include <vector>

#include "hostsim/clock.h"
#include "hostsim/conformance/code_guest.h"
#include "hostsim/conformance/conformance.h"
#include "hostsim/scripted_vcpu.h"
#include "hostsim/software_host.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kTscKhz = 1'000'000;

class ScriptedGuest final : public ConformanceMachine {
 public:
  explicit ScriptedGuest(const Script& script)
      : memory_(GuestMemory::Create(kScriptMemorySize).value()),
        cpu_(*memory_, script),
        clock_(NewRealClock()),
        host_(*memory_, cpu_, *clock_, {.tsc_khz = kTscKhz, .quirks = Quirks::kLinux2623}) {}

  GuestMemory& memory() override { return *memory_; }
  Host& host() override { return host_; }
  BootState boot() const override {
    return {.pfn_limit = kScriptMemorySize / kPageSize,
            .page_directory = GuestPhys(0x8000),
            .entry = GuestVirt(Script::kPageOffset + kScriptCodeStart),
            .page_offset = Script::kPageOffset};
  }
  std::vector<std::string> failures() const override { return cpu_.failures(); }

 private:
  const std::unique_ptr<GuestMemory> memory_;
  ScriptedVcpu cpu_;
  const std::unique_ptr<Clock> clock_;
  SoftwareHost host_;
};

absl::StatusOr<std::unique_ptr<ConformanceMachine>> MakeScriptedGuest(const Script& script) {
  return std::make_unique<ScriptedGuest>(script);
}

}  // namespace

const std::vector<HostUnderTest>& HostsUnderTest() {
  static const auto* const kHosts = new std::vector<HostUnderTest>{
      {"ScriptedGuest", MakeScriptedGuest}, {"SoftwareCpu", MakeCodeGuest}};
  return *kHosts;
}

}  // namespace lguest::hostsim
