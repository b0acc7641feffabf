#include "launcher/guest_devices.h"

#include <algorithm>
#include <utility>

#include "devices/bus/device_bus.h"
#include "devices/console/virtio_console.h"
#include "devices/virtio/lguest_bus.h"
#include "devices/virtio/pci_bus.h"
#include "launcher/base/status_macros.h"
#include "launcher/device_factory.h"
#include "launcher/virtio_factory.h"

namespace lguest {
namespace {

// Queues of one device.
constexpr uint32_t kMostQueues = 2;
// Console and source of random numbers.
constexpr uint32_t kOwnDevices = 2;

uint32_t LguestBusPages(std::span<const DeviceOption> options) {
  return LguestBus::PagesNeeded((static_cast<uint32_t>(options.size()) + kOwnDevices) *
                                kMostQueues);
}

}  // namespace

uint32_t DevicePages(std::span<const DeviceOption> options, const GuestAbi& abi) {
  switch (abi.devices) {
    case DeviceInterface::kDma:
      return DmaDevicePages(options);
    case DeviceInterface::kRecords:
    case DeviceInterface::kDescriptors:
      return LguestBusPages(options);
    case DeviceInterface::kPci:
      break;
  }
  return 0;
}

uint32_t MostDevicePages(std::span<const DeviceOption> options) {
  return std::max(DmaDevicePages(options), LguestBusPages(options));
}

absl::StatusOr<GuestDevices> GuestDevices::Make(std::span<const DeviceOption> options,
                                                const GuestAbi& abi, PacketMover mover,
                                                uint16_t guest_id,
                                                timetravel::DeterministicRun* run,
                                                const LogSink& log) {
  GuestDevices devices(abi);
  if (abi.is_virtio()) {
    ASSIGN_OR_RETURN(devices.virtio_, MakeVirtioDevices(options, abi, guest_id, run, log));
  } else {
    ASSIGN_OR_RETURN(devices.dma_, MakeDevices(options, mover, log, run));
  }
  return devices;
}

absl::StatusOr<std::unique_ptr<Bus>> GuestDevices::Connect(GuestMemory& memory, Host& host,
                                                           uint32_t ram_size,
                                                           std::unique_ptr<Console> console,
                                                           const LogSink& log) && {
  const GuestPhys ram_end(ram_size);
  switch (abi_->devices) {
    case DeviceInterface::kDma:
      dma_.push_back(std::move(console));
      return DeviceBus::Create(memory, host, ram_end, std::move(dma_), log);
    case DeviceInterface::kRecords:
    case DeviceInterface::kDescriptors:
      virtio_.push_back(std::make_unique<VirtioConsole>(std::move(console)));
      return LguestBus::Create(memory, host, ram_end, abi_->devices, std::move(virtio_));
    case DeviceInterface::kPci:
      virtio_.insert(virtio_.begin(), std::make_unique<VirtioConsole>(std::move(console)));
      return PciBus::Create(memory, host, ram_size, std::move(virtio_));
  }
  return absl::InternalError("no such bus");
}

}  // namespace lguest
