#include "launcher/open_backends.h"

#include <utility>
#include <variant>

#include "devices/block/file_block_backend.h"
#include "devices/net/tap.h"
#include "launcher/base/status_macros.h"

namespace lguest {

absl::StatusOr<std::unique_ptr<BlockBackend>> OpenDisk(const BlockSpec& spec,
                                                       timetravel::DeterministicRun* run,
                                                       const LogSink& log) {
  std::unique_ptr<BlockBackend> disk;
  if (run == nullptr || !run->is_replay()) {
    ASSIGN_OR_RETURN(disk, FileBlockBackend::Open(spec, log));
  }
  return run == nullptr ? std::move(disk) : run->WrapDisk(std::move(disk));
}

absl::StatusOr<Network> OpenNetwork(const TunSpec& spec, timetravel::DeterministicRun* run) {
  Network network;
  if (run == nullptr || !run->is_replay()) {
    ASSIGN_OR_RETURN(std::unique_ptr<Tap> tap, Tap::Open(spec));
    network = {.label = tap->interface(), .packets = std::move(tap)};
  } else if (const auto* const recorded = std::get_if<TunExistingTap>(&spec)) {
    network.label = recorded->name;  // OpenReplay() has set it
  }
  if (run != nullptr) network.packets = run->WrapPackets(std::move(network.packets));
  return network;
}

}  // namespace lguest
