// Makes the devices that the command line asks for.

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

// Pages above RAM that these devices and the descriptor page need. Opens nothing.
uint32_t DevicePages(std::span<const DeviceOption> options);

// The devices of `options` in their order. The console, which comes last (ABI.md §1.7), is not
// among them.
//
// Opens disks and configures networks, in the order of the options. An error names the option.
// InvalidArgument: what the option names is not what it should be. Any other error: it cannot be
// opened.
absl::StatusOr<std::vector<std::unique_ptr<Device>>> MakeDevices(
    std::span<const DeviceOption> options, PacketMover mover, const LogSink& log);

}  // namespace lguest

#endif  // LAUNCHER_DEVICE_FACTORY_H_
