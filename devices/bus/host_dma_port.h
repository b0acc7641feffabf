// How devices reach the guest's buffers through a Host.

#ifndef DEVICES_BUS_HOST_DMA_PORT_H_
#define DEVICES_BUS_HOST_DMA_PORT_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest {

// A DmaPort of one guest. When the guest is dead there are no buffers and deliveries are lost
// without an error: the run loop learns of the death, and of its reason, from the next Host::Run().
class HostDmaPort final : public DmaPort {
 public:
  // What was delivered through it so far.
  struct Filled {
    uint64_t buffers = 0;
    uint64_t bytes = 0;
  };

  // Both have to outlive the port.
  HostDmaPort(GuestMemory& memory, Host& host) : memory_(memory), host_(host) {}

  absl::StatusOr<std::optional<Buffer>> NextBuffer(DmaKey key) override;
  absl::Status Deliver(const Buffer& buffer, uint32_t used) override;
  absl::Status Release(const Buffer& buffer) override;
  absl::Status RaiseInterrupt(uint32_t irq) override;

  const Filled& filled() const { return filled_; }

 private:
  absl::Status SetUsedLen(GuestPhys dma, uint32_t used);

  GuestMemory& memory_;
  Host& host_;
  Filled filled_;
};

}  // namespace lguest

#endif  // DEVICES_BUS_HOST_DMA_PORT_H_
