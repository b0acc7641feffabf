// The devices that a command line asks for.

#ifndef LAUNCHER_MAKE_DEVICES_H_
#define LAUNCHER_MAKE_DEVICES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/device.h"
#include "devices/notice.h"
#include "launcher/options.h"

namespace lguest {

// Who carries the packets between guests of one network.
enum class PacketMover : uint8_t {
  kHost,      // as the real /dev/lguest does
  kLauncher,  // through sockets beside the network's file
};

// The devices of `options` in their order and, as the guest expects, the console last (lguest
// interface, section 1); it uses standard input and output.
//
// Opens disks and configures networks, in that order of the options. An error names the option;
// InvalidArgument: what it names is not what it should be; any other: it cannot be had.
absl::StatusOr<std::vector<std::unique_ptr<Device>>> MakeDevices(
    std::span<const DeviceOption> options, PacketMover mover, const NoticeSink& notice);

}  // namespace lguest

#endif  // LAUNCHER_MAKE_DEVICES_H_
