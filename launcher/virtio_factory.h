// Makes the devices that the command line asks for, for guests of Linux 2.6.24 and later.

#ifndef LAUNCHER_VIRTIO_FACTORY_H_
#define LAUNCHER_VIRTIO_FACTORY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/virtio/virtio_device.h"
#include "launcher/base/log.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/options.h"
#include "launcher/timetravel/deterministic_run.h"

namespace lguest {

// The devices of `options` in their order, and a source of random numbers if there is room for it.
// The console is not among them. `guest_id`: for MACs. `run`: see MakeDevices().
//
// Opens disks and configures networks, in the order of the options. Errors as MakeDevices().
absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(
    std::span<const DeviceOption> options, const GuestAbi& abi, uint16_t guest_id,
    timetravel::DeterministicRun* run, const LogSink& log);

}  // namespace lguest

#endif  // LAUNCHER_VIRTIO_FACTORY_H_
