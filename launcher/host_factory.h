// Which host runs the guest.

#ifndef LAUNCHER_HOST_FACTORY_H_
#define LAUNCHER_HOST_FACTORY_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"
#include "launcher/options.h"

namespace lguest {

// A host and all that it stands on.
class HostMachine {
 public:
  virtual ~HostMachine() = default;

  virtual Host& host() = 0;

  // What it is and why it was chosen, for --verbose.
  virtual std::string description() const = 0;
};

// A host that this machine has, and what the rest of the launcher has to know before it is made.
struct HostPlan {
  GuestMemory::Placement placement = GuestMemory::Placement::kAnywhere;
  PacketMover packet_mover = PacketMover::kLauncher;

  // Once. The memory is placed as above, and outlives the result.
  absl::AnyInvocable<absl::StatusOr<std::unique_ptr<HostMachine>>(GuestMemory& memory) &&> make;
};

// The host that `choice` names, or the best that this machine has. Unavailable, saying what is
// missing, when there is none.
absl::StatusOr<HostPlan> PlanHost(HostChoice choice);

}  // namespace lguest

#endif  // LAUNCHER_HOST_FACTORY_H_
