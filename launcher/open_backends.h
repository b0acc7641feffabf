// Opens what is behind the devices of a guest.

#ifndef LAUNCHER_OPEN_BACKENDS_H_
#define LAUNCHER_OPEN_BACKENDS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "devices/block/block_backend.h"
#include "devices/block/block_spec.h"
#include "devices/net/packet_backend.h"
#include "devices/net/tun_spec.h"
#include "launcher/base/log.h"
#include "launcher/timetravel/deterministic_run.h"

namespace lguest {

// `run`: of a deterministic run, else nullptr; outlives the backend. A replay opens nothing.

// Errors as FileBlockBackend::Open().
absl::StatusOr<std::unique_ptr<BlockBackend>> OpenDisk(const BlockSpec& spec,
                                                       timetravel::DeterministicRun* run,
                                                       const LogSink& log);

struct Network {
  std::string label;  // in messages
  std::unique_ptr<PacketBackend> packets;
};

// Errors as Tap::Open().
absl::StatusOr<Network> OpenNetwork(const TunSpec& spec, timetravel::DeterministicRun* run);

}  // namespace lguest

#endif  // LAUNCHER_OPEN_BACKENDS_H_
