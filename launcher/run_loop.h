// The life of a guest, from its first instruction to its last.

#ifndef LAUNCHER_RUN_LOOP_H_
#define LAUNCHER_RUN_LOOP_H_

#include <string>

#include "absl/status/statusor.h"
#include "devices/bus/device_bus.h"
#include "launcher/base/log.h"
#include "launcher/host/host.h"

namespace lguest {

// Runs the guest of an initialized `host` and lets its devices work until it dies; returns the
// reason ("CRASH: Power down" is an orderly power-off). `notice` hears of devices that the guest
// gave up, `verbose` of all that it does with them; both may be null.
//
// Cancelled when the user gave up with three ^C; any other error is a fault of the launcher or its
// host. Called on the thread that owns the host.
absl::StatusOr<std::string> RunGuest(Host& host, DeviceBus& bus, const LogSink& log,
                                     const LogSink& verbose);

}  // namespace lguest

#endif  // LAUNCHER_RUN_LOOP_H_
