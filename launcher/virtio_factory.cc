#include "launcher/virtio_factory.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/block/block_spec.h"
#include "devices/block/virtio_block.h"
#include "devices/net/shared_net_backend.h"
#include "devices/net/shared_net_file.h"
#include "devices/net/tun_spec.h"
#include "devices/net/virtio_net.h"
#include "devices/rng/random_source.h"
#include "devices/rng/virtio_rng.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/open_backends.h"

namespace lguest {
namespace {

using DeviceOr = absl::StatusOr<std::unique_ptr<VirtioDevice>>;

class Maker {
 public:
  Maker(const GuestAbi& abi, uint16_t guest_id, timetravel::DeterministicRun* run,
        const LogSink& log)
      : abi_(abi), guest_id_(guest_id), run_(run), log_(log) {}

  DeviceOr operator()(const BlockSpec& spec) {
    ASSIGN_OR_RETURN(std::unique_ptr<BlockBackend> disk, OpenDisk(spec, run_, log_));
    return std::make_unique<VirtioBlock>(spec.path, std::move(disk), abi_.block_header_size, log_);
  }

  DeviceOr operator()(const TunSpec& spec) {
    ASSIGN_OR_RETURN(Network network, OpenNetwork(spec, run_));
    return std::make_unique<VirtioNet>(absl::StrCat("tunnet ", network.label),
                                       std::move(network.packets), NextMac(), abi_.net_header_size,
                                       log_);
  }

  DeviceOr operator()(const SharedNetSpec& spec) {
    const NetPeer mac = NextMac();
    ASSIGN_OR_RETURN(std::unique_ptr<SharedNetFile> file, SharedNetFile::Open(spec.path));
    ASSIGN_OR_RETURN(std::unique_ptr<SharedNetBackend> net,
                     SharedNetBackend::Open(std::move(file), mac));
    return std::make_unique<VirtioNet>(absl::StrCat("sharenet ", spec.path), std::move(net), mac,
                                       abi_.net_header_size, log_);
  }

 private:
  // The MAC of a guest of 2.6.23 with this id (ABI.md §4.21), but the last byte counts its
  // networks.
  NetPeer NextMac() {
    return {{2, 0, static_cast<uint8_t>(guest_id_), static_cast<uint8_t>(guest_id_ >> 8), 0,
             networks_++}};
  }

  const GuestAbi& abi_;
  const uint16_t guest_id_;
  timetravel::DeterministicRun* const run_;
  const LogSink& log_;
  uint8_t networks_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(
    std::span<const DeviceOption> options, const GuestAbi& abi, uint16_t guest_id,
    timetravel::DeterministicRun* run, const LogSink& log) {
  Maker maker(abi, guest_id, run, log);
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  for (const DeviceOption& option : options) {
    DeviceOr device = std::visit(maker, option.spec);
    if (!device.ok()) {
      return absl::Status(device.status().code(),
                          absl::StrFormat("%s: %s", option.text, device.status().message()));
    }
    devices.push_back(*std::move(device));
  }
  constexpr size_t kConsoleAndRng = 2;
  if (devices.size() + kConsoleAndRng > kMaxDevices) return devices;
  std::unique_ptr<RandomSource> source;
  if (run == nullptr) {
    ASSIGN_OR_RETURN(source, OpenKernelRandom());
  } else {
    // The same numbers in each run.
    source = std::make_unique<SeededRandom>();
  }
  devices.push_back(std::make_unique<VirtioRng>(std::move(source)));
  return devices;
}

}  // namespace lguest
