// The software host with the 2.6.23 kernel's quirks and two kinds of guests: a scripted CPU plays
// the script, or the CPU under test runs the script as code.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hostsim/clock.h"
#include "hostsim/conformance/conformance.h"
#include "hostsim/software_host.h"
#include "hostsim/testing/script_code.h"
#include "hostsim/testing/scripted_vcpu.h"
#include "hostsim/testing/test_platform.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kTscKhz = 1'000'000;

class ScriptedGuest final : public ConformanceMachine {
 public:
  explicit ScriptedGuest(const Script& script)
      : memory_(GuestMemory::Create(kScriptMemorySize).value()),
        cpu_(*memory_, script),
        clock_(NewRealClock().value()),
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

class CodeGuest final : public ConformanceMachine {
 public:
  CodeGuest(Script script, const BootState& boot, std::unique_ptr<GuestMemory> memory,
            std::unique_ptr<Vcpu> cpu)
      : script_(std::move(script)),
        boot_(boot),
        memory_(std::move(memory)),
        cpu_(std::move(cpu)),
        clock_(NewRealClock().value()),
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

absl::StatusOr<std::unique_ptr<ConformanceMachine>> MakeCodeGuest(const Script& script) {
  absl::StatusOr<std::unique_ptr<GuestMemory>> memory = GuestMemory::Create(kScriptMemorySize);
  if (!memory.ok()) return memory.status();
  const absl::StatusOr<BootState> boot = LoadScriptCode(script, **memory);
  if (!boot.ok()) return boot.status();
  absl::StatusOr<std::unique_ptr<Vcpu>> cpu = CurrentTestPlatform().new_cpu(**memory);
  if (!cpu.ok()) return cpu.status();
  return std::make_unique<CodeGuest>(script, *boot, *std::move(memory), *std::move(cpu));
}

}  // namespace

const std::vector<HostUnderTest>& HostsUnderTest() {
  static const auto* const kHosts = [] {
    const TestPlatform& platform = CurrentTestPlatform();
    auto* const hosts = new std::vector<HostUnderTest>{{platform.name, MakeCodeGuest}};
    if (!platform.is_slow) hosts->push_back({"ScriptedCpu", MakeScriptedGuest});
    return hosts;
  }();
  return *kHosts;
}

}  // namespace lguest::hostsim
