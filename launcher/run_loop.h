// Runs a guest from its first instruction to its death.

#ifndef LAUNCHER_RUN_LOOP_H_
#define LAUNCHER_RUN_LOOP_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/bus.h"
#include "launcher/base/log.h"
#include "launcher/host/host.h"
#include "launcher/host/input_watch.h"

namespace lguest {

// Starts the guest again that has requested it. An error ends the launcher.
using Restarter = std::function<absl::Status()>;

// Runs the guest of an initialized `host` and serves its devices until it dies. Returns the reason
// ("CRASH: Power down" is an orderly power-off). `log` gets a line for each device that the guest
// marks as failed, `verbose` one for each change of a device's status. Both may be null.
//
// Cancelled: the user gave up with three ^C, or the launcher is asked to end. Any other error is a
// fault of the launcher or its host. Called on the thread that owns the host.
absl::StatusOr<std::string> RunGuest(Host& host, Bus& bus, const LogSink& log,
                                     const LogSink& verbose, const InputEvents& events = {});

// The same with a watch of this host, which the caller has made. `restart`: null ends a guest
// that requests a restart, with kRestartRequestReason.
absl::StatusOr<std::string> RunGuest(Host& host, Bus& bus, InputWatch& watch, const LogSink& log,
                                     const LogSink& verbose, const Restarter& restart = nullptr);

}  // namespace lguest

#endif  // LAUNCHER_RUN_LOOP_H_
