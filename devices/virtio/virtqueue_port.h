// A DmaPort on top of a virtqueue: lets models of Linux 2.6.23 fill its buffers.

#ifndef DEVICES_VIRTIO_VIRTQUEUE_PORT_H_
#define DEVICES_VIRTIO_VIRTQUEUE_PORT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/virtio/virtqueue.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// The buffers are the writable chains of the queue, whatever the key. One buffer may be out at a
// time. With a header, each buffer starts behind it.
class VirtqueuePort final : public DmaPort {
 public:
  // `memory` and `queue` must outlive the port. `header` is copied to the start of each buffer.
  VirtqueuePort(GuestMemory& memory, Virtqueue& queue, std::span<const std::byte> header = {})
      : memory_(memory), queue_(queue), header_(header.begin(), header.end()) {}

  absl::StatusOr<std::optional<Buffer>> NextBuffer(DmaKey key) override;
  absl::Status Deliver(const Buffer& buffer, uint32_t used) override;
  absl::Status Release(const Buffer& buffer) override;
  // Interrupts the guest, if it wants that.
  absl::Status RaiseInterrupt(uint32_t irq) override;

 private:
  GuestMemory& memory_;
  Virtqueue& queue_;
  const std::vector<std::byte> header_;
  VirtqChain chain_;  // of the buffer that is out
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_VIRTQUEUE_PORT_H_
