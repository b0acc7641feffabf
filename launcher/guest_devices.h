// The devices of a guest of any generation, and the bus that connects them with it.

#ifndef LAUNCHER_GUEST_DEVICES_H_
#define LAUNCHER_GUEST_DEVICES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "devices/bus/bus.h"
#include "devices/bus/device.h"
#include "devices/console/console.h"
#include "devices/virtio/virtio_device.h"
#include "launcher/base/log.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"
#include "launcher/options.h"
#include "launcher/timetravel/deterministic_run.h"

namespace lguest {

// Pages above RAM for these devices, the console included. Opens nothing.
uint32_t DevicePages(std::span<const DeviceOption> options, const GuestAbi& abi);
// The most that any generation needs.
uint32_t MostDevicePages(std::span<const DeviceOption> options);

// Devices that are open, but not yet connected.
class GuestDevices {
 public:
  // Makes the devices of `options`. `run`: see MakeDevices(). Errors as MakeDevices() and
  // MakeVirtioDevices().
  static absl::StatusOr<GuestDevices> Make(std::span<const DeviceOption> options,
                                           const GuestAbi& abi, PacketMover mover,
                                           uint16_t guest_id, timetravel::DeterministicRun* run,
                                           const LogSink& log);

  // Adds the console and connects all of them with the guest, whose RAM has `ram_size` bytes.
  // Errors as the Create() of the bus. Once.
  absl::StatusOr<std::unique_ptr<Bus>> Connect(GuestMemory& memory, Host& host, uint32_t ram_size,
                                               std::unique_ptr<Console> console,
                                               const LogSink& log) &&;

 private:
  using DmaDevices = std::vector<std::unique_ptr<Device>>;
  using VirtioDevices = std::vector<std::unique_ptr<VirtioDevice>>;

  explicit GuestDevices(const GuestAbi& abi) : abi_(&abi) {}

  const GuestAbi* abi_;
  DmaDevices dma_;        // of a guest of 2.6.23
  VirtioDevices virtio_;  // of a later one
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_DEVICES_H_
