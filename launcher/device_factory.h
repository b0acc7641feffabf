// Makes the devices that the command line asks for, for guests of Linux 2.6.23.

#ifndef LAUNCHER_DEVICE_FACTORY_H_
#define LAUNCHER_DEVICE_FACTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "launcher/base/log.h"
#include "launcher/host/host.h"
#include "launcher/options.h"
#include "launcher/timetravel/deterministic_run.h"

namespace lguest {

// Pages above RAM that these devices and the descriptor page need. Opens nothing.
uint32_t DmaDevicePages(std::span<const DeviceOption> options);

// The devices of `options` in their order. The console, which comes last (ABI.md §1.7), is not
// among them.
//
// Opens disks and configures networks, in the order of the options. An error names the option.
// InvalidArgument: what the option names is not what it should be. Any other error: it cannot be
// opened. `run`: of a deterministic run, else nullptr; outlives the devices.
absl::StatusOr<std::vector<std::unique_ptr<Device>>> MakeDevices(
    std::span<const DeviceOption> options, PacketMover mover, const LogSink& log,
    timetravel::DeterministicRun* run);

}  // namespace lguest

#endif  // LAUNCHER_DEVICE_FACTORY_H_
