// The devices of one guest, as it finds them.

#ifndef DEVICES_BUS_DEVICE_BUS_H_
#define DEVICES_BUS_DEVICE_BUS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/bus/host_dma_port.h"
#include "launcher/base/log.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// The descriptor page, the devices' pages after it and the way from a DMA key to its device (ABI.md
// §1.7). Device i interrupts on irq i + 1.
//
//   std::vector<std::unique_ptr<Device>> devices = ...;  // in command-line order, the console last
//   const uint32_t size = ram + DeviceBus::PagesNeeded(devices) * kPageSize;
//   ... memory of `size` bytes, a host ...
//   auto bus = DeviceBus::Create(*memory, *host, GuestPhys(ram), std::move(devices), notice);
//   ... Host::Run() says DmaSent: (*bus)->Dispatch(sent); input is there: (*bus)->Receive(i) ...
//
// Belongs to the thread that runs the guest. Errors of Dispatch() and Receive() are the guest's
// end, with the message as reason, save where noted.
class DeviceBus {
 public:
  // Pages above RAM: the descriptor page and all device pages.
  static uint32_t PagesNeeded(std::span<const std::unique_ptr<Device>> devices);

  // Lays the devices out from `descriptors` (page-aligned: the end of RAM) upwards and attaches
  // them. InvalidArgument for more than kMaxDevices or two devices with one key; OutOfRange when
  // the pages do not fit; whatever attaching says. `memory` and `host` have to outlive the bus.
  static absl::StatusOr<std::unique_ptr<DeviceBus>> Create(
      GuestMemory& memory, Host& host, GuestPhys descriptors,
      std::vector<std::unique_ptr<Device>> devices, LogSink log = nullptr);

  DeviceBus(const DeviceBus&) = delete;
  DeviceBus& operator=(const DeviceBus&) = delete;

  std::span<const std::unique_ptr<Device>> devices() const { return devices_; }

  // Hands what the guest sent to the device that listens at its key, and writes used_len. A key at
  // which no device listens is not an error: used_len stays and the first such DMA is logged.
  absl::Status Dispatch(const DmaSent& sent);

  // Lets device `index` hand one unit of input to the guest: see Device::Receive().
  absl::StatusOr<Device::Input> Receive(size_t index);

  // The guest is dead: see Device::Finish().
  void Finish();

  // What device `index` and the guest have exchanged so far.
  struct Traffic {
    uint64_t sent = 0;  // DMAs from the guest, and what the device took of them
    uint64_t sent_bytes = 0;
    HostDmaPort::Filled filled;
  };
  Traffic traffic(size_t index) const;

  struct StatusChange {
    uint16_t newly_set;    // bits of DeviceDescriptor::status, never seen before
    std::string describe;  // "block disk.img: acknowledged, driver found", for the user
    bool failed() const { return (newly_set & kStatusFailed) != 0; }
  };

  // What guests have done to the descriptors' status since the last call. Each bit of each device
  // is told once, so that a guest cannot make much of it.
  std::vector<StatusChange> StatusChanges();

  // Whether there are any: cheap enough to be asked after each Run().
  bool HasStatusChanges() const;

 private:
  DeviceBus(GuestMemory& memory, Host& host, GuestPhys descriptors,
            std::vector<std::unique_ptr<Device>> devices, LogSink log);

  absl::Status Attach();

  // The bits that StatusChanges() has not told of device `index`.
  uint16_t NewStatus(size_t index) const;

  GuestPhys DescriptorOf(size_t index) const {
    return GuestPhys(descriptors_.value() +
                     static_cast<uint32_t>(index * sizeof(DeviceDescriptor)));
  }

  GuestMemory& memory_;
  const GuestPhys descriptors_;
  const std::vector<std::unique_ptr<Device>> devices_;
  // In the order of the devices.
  struct DeviceState {
    HostDmaPort port;
    uint64_t sent = 0;
    uint64_t sent_bytes = 0;
  };
  std::vector<DeviceState> states_;
  std::map<DmaKey, size_t> listeners_;
  std::array<uint16_t, kMaxDevices> seen_status_ = {};
  LogOnce unmatched_log_;
};

}  // namespace lguest

#endif  // DEVICES_BUS_DEVICE_BUS_H_
