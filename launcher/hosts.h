// Which host runs the guest.

#ifndef LAUNCHER_HOSTS_H_
#define LAUNCHER_HOSTS_H_

#include <memory>
#include <string>

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

// The host that `choice` names, or the best that this machine has. `memory` outlives it.
// Unavailable, saying what is missing, when there is none.
absl::StatusOr<std::unique_ptr<HostMachine>> MakeHost(HostChoice choice, GuestMemory& memory);

}  // namespace lguest

#endif  // LAUNCHER_HOSTS_H_
