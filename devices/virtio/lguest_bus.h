// The bus of guests of Linux 2.6.24 to 3.19: a page of descriptors, and NOTIFY.

#ifndef DEVICES_VIRTIO_LGUEST_BUS_H_
#define DEVICES_VIRTIO_LGUEST_BUS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/virtio/virtio_bus.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// Lays out the device page and the rings behind it (VIRTIO_ABI.md §6). Each queue raises an
// interrupt of its own. The guest can change the page and the rings at any time; where the rings
// are is known from here.
class LguestBus final : public VirtioBus {
 public:
  // Pages above RAM for devices with so many queues in all.
  static constexpr uint32_t PagesNeeded(uint32_t queues) { return 1 + queues * kRingPages; }

  // Places the device page at `page` (page-aligned: the end of RAM) and attaches the devices.
  // InvalidArgument for more queues than there are interrupts, or descriptors that do not fit into
  // the page; OutOfRange when the pages do not fit. `memory` and `host` must outlive the bus.
  static absl::StatusOr<std::unique_ptr<LguestBus>> Create(
      GuestMemory& memory, Host& host, GuestPhys page, DeviceInterface format,
      std::vector<std::unique_ptr<VirtioDevice>> devices);

  absl::Status Notify(const Notified& notified) override;
  absl::Status Restart() override;

 private:
  // Descriptor table; available ring; used ring.
  static constexpr uint32_t kRingPages = 3;

  // Addresses of a device's descriptor and of fields in it.
  struct Descriptor {
    GuestPhys address;
    GuestPhys status;
    GuestPhys accepted;           // features
    bool tells_accepted = false;  // false: there is no such field
  };

  struct Ring {
    size_t device = 0;
    uint32_t queue = 0;
  };

  LguestBus(GuestMemory& memory, GuestPhys page, DeviceInterface format,
            std::vector<std::unique_ptr<VirtioDevice>> devices);

  absl::Status Attach(Host& host);
  absl::Status ResetRing(uint32_t ring);
  absl::Status OnStatus(size_t index);
  absl::Status OnText(GuestPhys text);
  uint8_t Status(size_t index) const override;
  GuestPhys RingAddress(uint32_t ring) const {
    return GuestPhys(page_.value() + PagesNeeded(ring) * kPageSize);
  }
  Virtqueue& QueueOf(const Ring& ring) { return queues(ring.device)[ring.queue]; }

  GuestMemory& memory_;
  const GuestPhys page_;
  const DeviceInterface format_;
  std::vector<std::byte> contents_;      // of the device page, when the guest starts
  std::deque<HostInterrupt> lines_;      // one for each ring
  std::vector<Ring> rings_;              // in the order of their pages
  std::vector<Descriptor> descriptors_;  // by device
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_LGUEST_BUS_H_
