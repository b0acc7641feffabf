// Chooses and makes the host that runs the guest.

#ifndef LAUNCHER_HOST_FACTORY_H_
#define LAUNCHER_HOST_FACTORY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "launcher/deterministic_options.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"
#include "launcher/options.h"
#include "launcher/timetravel/counted_machine.h"

namespace lguest {

// What a guest can see of its machine, besides memory and devices.
struct MachineIdentity {
  uint16_t guest_id = 0;  // see GuestId

  // Of a deterministic machine.
  DeterministicOptions time = {};
};

// A host and everything that it uses.
class HostMachine {
 public:
  virtual ~HostMachine() = default;

  virtual Host& host() = 0;

  // The kind of host and why it was chosen, for --verbose.
  virtual std::string description() const = 0;

  // The parts of a deterministic machine, which live as long; nullptr if it is none.
  virtual const timetravel::CountedMachine* counted() const { return nullptr; }
};

// A host that this machine has, and what the launcher must know before it makes that host.
struct HostPlan {
  GuestMemory::Placement placement = GuestMemory::Placement::kAnywhere;
  PacketMover packet_mover = PacketMover::kLauncher;
  bool takes_guest_id = true;  // false: the host numbers its guests itself
  bool uses_kvm = false;
  bool serves_all_generations = false;  // false: guests of Linux 2.6.23 only

  // The plan for a guest of another generation, if this host does not serve it; nullptr: none.
  std::unique_ptr<HostPlan> for_other_generations = nullptr;

  // Makes the host. Once. The memory has the placement above and outlives the host.
  absl::AnyInvocable<absl::StatusOr<std::unique_ptr<HostMachine>>(
                         GuestMemory& memory, const MachineIdentity& identity) &&>
      make;
};

// The most guest memory, in bytes, that a host of this program can have.
uint32_t MostMemory();

// The host that `choice` names, or the best one that this machine has. `deterministic`: the guest's
// time is to be a function of its instructions; ParseOptions() has checked that `choice` may be
// such a host. Unavailable, with what is missing, if there is none.
absl::StatusOr<HostPlan> PlanHost(HostChoice choice, bool deterministic = false);

}  // namespace lguest

#endif  // LAUNCHER_HOST_FACTORY_H_
