// The host of a 32-bit launcher. /dev/lguest needs guest memory at address 0 of a 32-bit process.

#include <sys/auxv.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/host/dev_lguest.h"
#include "launcher/host/lguest_file.h"
#include "launcher/host_factory.h"

namespace lguest {
namespace {

class DeviceMachine final : public HostMachine {
 public:
  DeviceMachine(std::unique_ptr<LguestFile> file, GuestMemory& memory)
      : host_(std::move(file), memory) {}

  Host& host() override { return host_; }
  std::string description() const override { return "/dev/lguest"; }

 private:
  DevLguest host_;
};

}  // namespace

// Guest memory, with the device pages behind it, lies between address 0 and this program, whose
// program headers are in its first page.
uint32_t MostMemory() {
  constexpr uint32_t kMegabyte = 1u << 20;
  const auto start = static_cast<uint32_t>(getauxval(AT_PHDR));
  const uint32_t room = PageAlignDown(start) - kMaxDevices * kPageSize;
  return room / kMegabyte * kMegabyte;
}

absl::StatusOr<HostPlan> PlanHost(HostChoice choice, bool deterministic) {
  if (deterministic) {
    return absl::UnavailableError(
        "deterministic runs need the 64-bit launcher: /dev/lguest does not count instructions");
  }
  if (choice == HostChoice::kKvm || choice == HostChoice::kSoftCpu) {
    return absl::UnavailableError(
        "--host=kvm and --host=sim need the 64-bit launcher; this one has --host=device only");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<LguestFile> file, OpenLguestFile());
  auto make = [file = std::move(file)](GuestMemory& memory,
                                       const MachineIdentity& /*identity*/) mutable
      -> absl::StatusOr<std::unique_ptr<HostMachine>> {
    return std::make_unique<DeviceMachine>(std::move(file), memory);
  };
  return HostPlan{.placement = GuestMemory::Placement::kIdentity,
                  .packet_mover = PacketMover::kHost,
                  .takes_guest_id = false,
                  .make = std::move(make)};
}

}  // namespace lguest
