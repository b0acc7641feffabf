// The devices that a command line asks for.

#ifndef LAUNCHER_DEVICE_FACTORY_H_
#define LAUNCHER_DEVICE_FACTORY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "launcher/base/log.h"
#include "launcher/host/host.h"
#include "launcher/options.h"

namespace lguest {

// The devices of `options` in their order and, as the guest expects, the console last (ABI.md
// §1.7); it uses standard input and output.
//
// Opens disks and configures networks, in that order of the options. An error names the option;
// InvalidArgument: what it names is not what it should be; any other: it cannot be had.
absl::StatusOr<std::vector<std::unique_ptr<Device>>> MakeDevices(
    std::span<const DeviceOption> options, PacketMover mover, const LogSink& log);

}  // namespace lguest

#endif  // LAUNCHER_DEVICE_FACTORY_H_
