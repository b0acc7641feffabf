#include "launcher/device_factory.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "devices/block/block_device.h"
#include "devices/block/block_spec.h"
#include "devices/block/file_block_backend.h"
#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net.h"
#include "devices/net/shared_net_file.h"
#include "devices/net/tap.h"
#include "devices/net/tun_net.h"
#include "devices/net/tun_spec.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

absl::StatusOr<std::unique_ptr<Device>> Make(const BlockSpec& spec, PacketMover /*mover*/,
                                             const LogSink& log) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockBackend> disk, FileBlockBackend::Open(spec, log));
  return std::make_unique<BlockDevice>(spec.path, std::move(disk), log);
}

absl::StatusOr<std::unique_ptr<Device>> Make(const TunSpec& spec, PacketMover /*mover*/,
                                             const LogSink& log) {
  ASSIGN_OR_RETURN(std::unique_ptr<Tap> tap, Tap::Open(spec));
  const std::string label = tap->interface();
  return std::make_unique<TunNet>(label, std::move(tap), log);
}

absl::StatusOr<std::unique_ptr<Device>> Make(const SharedNetSpec& spec, PacketMover mover,
                                             const LogSink& log) {
  ASSIGN_OR_RETURN(std::unique_ptr<SharedNetFile> file, SharedNetFile::Open(spec.path));
  if (mover == PacketMover::kHost) {
    return std::make_unique<SharedNet>(std::move(file), nullptr, log);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<PeerSockets> sockets, PeerSockets::Open(*file));
  return std::make_unique<SharedNet>(std::move(file), std::move(sockets), log);
}

}  // namespace

uint32_t DevicePages(std::span<const DeviceOption> options) {
  // The descriptor page, and one page for each disk and each network. The console has none.
  return 1 + static_cast<uint32_t>(options.size());
}

absl::StatusOr<std::vector<std::unique_ptr<Device>>> MakeDevices(
    std::span<const DeviceOption> options, PacketMover mover, const LogSink& log) {
  std::vector<std::unique_ptr<Device>> devices;
  for (const DeviceOption& option : options) {
    absl::StatusOr<std::unique_ptr<Device>> device =
        std::visit([&](const auto& spec) { return Make(spec, mover, log); }, option.spec);
    if (!device.ok()) {
      return absl::Status(device.status().code(),
                          absl::StrFormat("%s: %s", option.text, device.status().message()));
    }
    devices.push_back(*std::move(device));
  }
  return devices;
}

}  // namespace lguest
