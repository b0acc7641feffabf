#include "launcher/device_factory.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "devices/block/block_device.h"
#include "devices/block/block_spec.h"
#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net.h"
#include "devices/net/shared_net_file.h"
#include "devices/net/tun_net.h"
#include "devices/net/tun_spec.h"
#include "launcher/base/status_macros.h"
#include "launcher/open_backends.h"

namespace lguest {
namespace {

// What all devices are made with.
struct Context {
  PacketMover mover;
  const LogSink& log;
  timetravel::DeterministicRun* run;  // nullptr: the run is not deterministic
};

absl::StatusOr<std::unique_ptr<Device>> Make(const BlockSpec& spec, const Context& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockBackend> disk, OpenDisk(spec, context.run, context.log));
  return std::make_unique<BlockDevice>(spec.path, std::move(disk), context.log);
}

absl::StatusOr<std::unique_ptr<Device>> Make(const TunSpec& spec, const Context& context) {
  ASSIGN_OR_RETURN(Network network, OpenNetwork(spec, context.run));
  return std::make_unique<TunNet>(network.label, std::move(network.packets), context.log);
}

absl::StatusOr<std::unique_ptr<Device>> Make(const SharedNetSpec& spec, const Context& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<SharedNetFile> file, SharedNetFile::Open(spec.path));
  if (context.mover == PacketMover::kHost) {
    return std::make_unique<SharedNet>(std::move(file), nullptr, context.log);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<PeerSockets> sockets, PeerSockets::Open(*file));
  return std::make_unique<SharedNet>(std::move(file), std::move(sockets), context.log);
}

}  // namespace

uint32_t DmaDevicePages(std::span<const DeviceOption> options) {
  // The descriptor page, and one page for each disk and each network. The console has none.
  return 1 + static_cast<uint32_t>(options.size());
}

absl::StatusOr<std::vector<std::unique_ptr<Device>>> MakeDevices(
    std::span<const DeviceOption> options, PacketMover mover, const LogSink& log,
    timetravel::DeterministicRun* run) {
  const Context context = {.mover = mover, .log = log, .run = run};
  std::vector<std::unique_ptr<Device>> devices;
  for (const DeviceOption& option : options) {
    absl::StatusOr<std::unique_ptr<Device>> device =
        std::visit([&](const auto& spec) { return Make(spec, context); }, option.spec);
    if (!device.ok()) {
      return absl::Status(device.status().code(),
                          absl::StrFormat("%s: %s", option.text, device.status().message()));
    }
    devices.push_back(*std::move(device));
  }
  return devices;
}

}  // namespace lguest
