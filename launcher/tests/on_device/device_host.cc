// The real /dev/lguest of a 32-bit Linux 2.6.23.

#include <memory>
#include <string>
#include <utility>

#include "hostsim/conformance/conformance.h"
#include "hostsim/testing/script_code.h"
#include "launcher/host/dev_lguest.h"
#include "launcher/host/lguest_file.h"

namespace lguest::hostsim {
namespace {

class DeviceGuest final : public ConformanceMachine {
 public:
  DeviceGuest(Script script, const BootState& boot, std::unique_ptr<GuestMemory> memory,
              std::unique_ptr<LguestFile> file)
      : script_(std::move(script)),
        boot_(boot),
        memory_(std::move(memory)),
        host_(std::move(file), *memory_) {}

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
  DevLguest host_;
};

absl::StatusOr<std::unique_ptr<ConformanceMachine>> MakeDeviceGuest(const Script& script) {
  absl::StatusOr<std::unique_ptr<LguestFile>> file = OpenLguestFile();
  if (!file.ok()) return file.status();
  absl::StatusOr<std::unique_ptr<GuestMemory>> memory =
      GuestMemory::Create(kScriptMemorySize, GuestMemory::Placement::kIdentity);
  if (!memory.ok()) return memory.status();
  const absl::StatusOr<BootState> boot = LoadScriptCode(script, **memory);
  if (!boot.ok()) return boot.status();
  return std::make_unique<DeviceGuest>(script, *boot, *std::move(memory), *std::move(file));
}

}  // namespace

const std::vector<HostUnderTest>& HostsUnderTest() {
  static const auto* const kHosts = new std::vector<HostUnderTest>{{"DevLguest", MakeDeviceGuest}};
  return *kHosts;
}

}  // namespace lguest::hostsim
