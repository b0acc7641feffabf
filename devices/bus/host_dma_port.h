// A DmaPort on top of a Host.

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

// The DmaPort of one guest. After the guest has died, NextBuffer() returns no buffer and deliveries
// are dropped without an error: the next Host::Run() returns the death and its reason.
class HostDmaPort final : public DmaPort {
 public:
  // The buffers delivered so far.
  struct Filled {
    uint64_t buffers = 0;
    uint64_t bytes = 0;
  };

  // `memory` and `host` must outlive the port.
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
