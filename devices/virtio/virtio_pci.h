// One virtio 1.0 device as a PCI function.

#ifndef DEVICES_VIRTIO_VIRTIO_PCI_H_
#define DEVICES_VIRTIO_VIRTIO_PCI_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/virtio/pci_config.h"
#include "devices/virtio/virtio_bus.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtqueue.h"
#include "launcher/guest/address.h"
#include "launcher/guest/virtio_abi.h"
#include "launcher/host/host.h"

namespace lguest {

// The configuration space and the registers in BAR 0 of a device (VIRTIO_ABI.md §9.2 to §9.5). A
// write that breaks a rule of §9.5 is an error, which ends the guest.
class VirtioPci {
 public:
  // What the launcher must do after a write. At most one of them.
  struct Work {
    std::optional<uint32_t> notified_queue;
    std::optional<char> early_output;

    bool empty() const { return !notified_queue.has_value() && !early_output.has_value(); }
  };

  // `device` and `host` must outlive the function. `irq`: its interrupt line. `bar`: where BAR 0 is
  // when the guest starts.
  VirtioPci(VirtioDevice& device, Host& host, uint32_t irq, GuestPhys bar);
  VirtioPci(const VirtioPci&) = delete;
  VirtioPci& operator=(const VirtioPci&) = delete;

  // The queues of the device. Called once.
  void SetQueues(std::span<Virtqueue> queues) { queues_ = queues; }
  InterruptLine& line() { return line_; }

  // `offset` + `size` <= 256, and `size` is 1, 2 or 4. The window may lead to BAR 0.
  absl::StatusOr<uint32_t> ReadConfig(uint32_t offset, uint32_t size);
  absl::StatusOr<Work> WriteConfig(uint32_t offset, uint32_t size, uint32_t value);

  // `offset` < kPciBarSize.
  absl::StatusOr<uint32_t> ReadBar(uint32_t offset, uint32_t size);
  absl::StatusOr<Work> WriteBar(uint32_t offset, uint32_t size, uint32_t value);

  // Resets all, the configuration included.
  void Restart();

  GuestPhys bar() const { return config_.bar(); }
  uint8_t status() const { return status_; }

 private:
  // Sets the bit of the interrupt status, too.
  class Line final : public HostInterrupt {
   public:
    using HostInterrupt::HostInterrupt;
    absl::Status Raise() override {
      isr_ = 1;
      return HostInterrupt::Raise();
    }
    uint8_t TakeIsr() { return std::exchange(isr_, uint8_t{0}); }

   private:
    uint8_t isr_ = 0;
  };

  // Where the guest wants a queue; unchecked until it enables the queue.
  struct QueueSetup {
    uint16_t size = kVirtqueueSize;
    std::array<uint64_t, 3> parts = {};  // descriptors, available ring, used ring
  };

  PciCommonConfig Common() const;
  absl::Status WriteCommon(uint32_t offset, uint32_t size, uint32_t value);
  absl::Status WriteFeatures(uint32_t value);
  absl::Status WriteStatus(uint8_t value);
  absl::Status WriteQueue(uint32_t offset, uint32_t value);
  absl::Status EnableQueue();
  void Reset();
  uint64_t Offered() const;
  absl::Status Bad(const char* what, uint32_t offset, uint32_t value) const;

  VirtioDevice& device_;
  Line line_;
  const PciConfig first_config_;  // when the guest starts
  PciConfig config_;
  std::vector<std::byte> device_config_;
  std::span<Virtqueue> queues_;
  std::vector<QueueSetup> setups_;  // by queue

  uint32_t device_feature_select_ = 0;
  uint32_t driver_feature_select_ = 0;
  uint64_t accepted_ = 0;
  uint8_t status_ = 0;
  uint16_t queue_select_ = 0;
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_VIRTIO_PCI_H_
