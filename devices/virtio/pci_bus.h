// The PCI bus of guests of Linux 4.0 to 4.13.

#ifndef DEVICES_VIRTIO_PCI_BUS_H_
#define DEVICES_VIRTIO_PCI_BUS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/virtio/virtio_bus.h"
#include "devices/virtio/virtio_pci.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/guest_io.h"
#include "launcher/host/host.h"

namespace lguest {

// A host bridge and the devices, behind the ports of configuration mechanism 1, and their BARs in
// device memory (VIRTIO_ABI.md §9). Device i of the vector is function 00:(i + 1).0 and has
// interrupt i + 1. The work of a notification is done by Notify(), not inside the guest's
// instruction.
class PciBus final : public VirtioBus, private GuestIo {
 public:
  // Device memory starts above `ram_size` bytes. The console must be the first device.
  // InvalidArgument for more than kMaxDevices devices. `memory` and `host` must outlive the bus.
  static absl::StatusOr<std::unique_ptr<PciBus>> Create(
      GuestMemory& memory, Host& host, uint32_t ram_size,
      std::vector<std::unique_ptr<VirtioDevice>> devices);

  GuestIo* io() override { return this; }
  absl::Status Notify(const Notified& notified) override;
  absl::Status Restart() override;

 private:
  explicit PciBus(std::vector<std::unique_ptr<VirtioDevice>> devices);

  absl::StatusOr<uint32_t> ReadPort(uint16_t port, uint32_t size) override;
  absl::StatusOr<Effect> WritePort(uint16_t port, uint32_t size, uint32_t value) override;
  bool IsDeviceMemory(GuestPhys page) const override;
  absl::StatusOr<uint32_t> ReadMemory(GuestPhys address, uint32_t size) override;
  absl::StatusOr<Effect> WriteMemory(GuestPhys address, uint32_t size, uint32_t value) override;

  uint8_t Status(size_t index) const override { return functions_[index].status(); }

  // The device number that the address register selects; none: it is disabled, or selects another
  // bus or function.
  std::optional<uint32_t> SelectedDevice() const;
  // The function with this page of device memory; functions_.size(): none.
  size_t FunctionAt(GuestPhys page) const;
  Effect Note(size_t index, const VirtioPci::Work& work);

  std::deque<VirtioPci> functions_;  // by device
  uint32_t config_address_ = 0;      // of port 0xCF8
  size_t working_ = 0;               // the device with work_
  VirtioPci::Work work_;             // for Notify()
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_PCI_BUS_H_
