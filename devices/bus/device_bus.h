// The device bus of one guest: descriptor page, device pages and DMA dispatch.

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
#include "devices/bus/bus.h"
#include "devices/bus/device.h"
#include "devices/bus/host_dma_port.h"
#include "launcher/base/log.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// Lays out the descriptor page and the device pages after it, and dispatches DMAs by key (ABI.md
// §1.7). Device i raises irq i + 1.
//
//   std::vector<std::unique_ptr<Device>> devices = ...;  // in command-line order, the console last
//   const uint32_t size = ram + DeviceBus::PagesNeeded(devices) * kPageSize;
//   ... memory of `size` bytes, a host ...
//   auto bus = DeviceBus::Create(*memory, *host, GuestPhys(ram), std::move(devices), log);
//   ... when Host::Run() returns DmaSent: (*bus)->Dispatch(sent);
//   ... when device i has input: (*bus)->Receive(i);
//
// Not thread-safe: only the thread that runs the guest may call it. An error of Dispatch() or
// Receive() ends the guest, with the message as the reason.
class DeviceBus final : public Bus {
 public:
  // The number of pages above RAM: the descriptor page and all device pages.
  static uint32_t PagesNeeded(std::span<const std::unique_ptr<Device>> devices);

  // Places the device pages from `descriptors` (page-aligned: the end of RAM) upwards and attaches
  // the devices. InvalidArgument for more than kMaxDevices devices or two devices with one key;
  // OutOfRange when the pages do not fit; or the error of Device::Attach(). `memory` and `host`
  // must outlive the bus.
  static absl::StatusOr<std::unique_ptr<DeviceBus>> Create(
      GuestMemory& memory, Host& host, GuestPhys descriptors,
      std::vector<std::unique_ptr<Device>> devices, LogSink log = nullptr);

  DeviceBus(const DeviceBus&) = delete;
  DeviceBus& operator=(const DeviceBus&) = delete;

  std::span<const std::unique_ptr<Device>> devices() const { return devices_; }
  size_t device_count() const override { return devices_.size(); }
  std::string device_name(size_t index) const override { return devices_[index]->name(); }
  int input_fd(size_t index) const override { return devices_[index]->input_fd(); }

  // Passes the DMA to the device that listens at its key, and writes used_len. A key without a
  // device is not an error: used_len stays unchanged, and the first such DMA is logged.
  absl::Status Dispatch(const DmaSent& sent) override;

  absl::StatusOr<Device::Input> Receive(size_t index) override;
  void Finish() override;
  Traffic traffic(size_t index) const override;
  std::vector<StatusChange> StatusChanges() override;
  bool HasStatusChanges() const override;

 private:
  DeviceBus(GuestMemory& memory, Host& host, GuestPhys descriptors,
            std::vector<std::unique_ptr<Device>> devices, LogSink log);

  absl::Status Attach();

  // The status bits of device `index` that StatusChanges() has not reported.
  uint16_t NewStatus(size_t index) const;

  GuestPhys DescriptorOf(size_t index) const {
    return GuestPhys(descriptors_.value() +
                     static_cast<uint32_t>(index * sizeof(DeviceDescriptor)));
  }

  GuestMemory& memory_;
  const GuestPhys descriptors_;
  const std::vector<std::unique_ptr<Device>> devices_;
  struct DeviceState {
    HostDmaPort port;
    uint64_t sent = 0;
    uint64_t sent_bytes = 0;
  };
  std::vector<DeviceState> states_;  // by device index
  std::map<DmaKey, size_t> listeners_;
  std::array<uint16_t, kMaxDevices> seen_status_ = {};
  LogOnce unmatched_log_;
};

}  // namespace lguest

#endif  // DEVICES_BUS_DEVICE_BUS_H_
