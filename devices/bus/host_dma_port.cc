#include "devices/bus/host_dma_port.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_format.h"
#include "devices/bus/dma_chain.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest {

absl::StatusOr<std::optional<DmaPort::Buffer>> HostDmaPort::NextBuffer(DmaKey key) {
  // The only returned object, so that the compiler elides the copy of the chain, which is large.
  absl::StatusOr<std::optional<Buffer>> next(std::nullopt);
  const absl::StatusOr<BoundDma> bound = host_.GetDma(key);
  if (!bound.ok()) {
    if (!absl::IsNotFound(bound.status())) next = bound.status();
    return next;
  }
  // The real host returns the number through guest memory, so the guest may have changed it.
  if (bound->irq >= kInterrupts) {
    next = absl::InvalidArgumentError(
        absl::StrFormat("bad interrupt %u of dma buffer 0x%x", bound->irq, bound->dma.value()));
    return next;
  }
  Buffer& buffer = next->emplace(bound->irq);
  if (absl::Status filled = buffer.chain.Fill(memory_, bound->dma); !filled.ok()) {
    next = std::move(filled);
  }
  return next;
}

absl::Status HostDmaPort::Deliver(const Buffer& buffer, uint32_t used) {
  ++filled_.buffers;
  filled_.bytes += used;
  buffer.chain.NotifyWritten(memory_, used);
  RETURN_IF_ERROR(SetUsedLen(buffer.chain.address(), used));
  return RaiseInterrupt(buffer.irq);
}

absl::Status HostDmaPort::RaiseInterrupt(uint32_t irq) {
  absl::Status raised = host_.RaiseInterrupt(irq);
  if (!raised.ok() && absl::IsNotFound(raised)) return absl::OkStatus();
  return raised;
}

absl::Status HostDmaPort::Release(const Buffer& buffer) {
  return SetUsedLen(buffer.chain.address(), 0);
}

absl::Status HostDmaPort::SetUsedLen(GuestPhys dma, uint32_t used) {
  static_assert(offsetof(Dma, used_len) == 0);
  return memory_.Write(dma, used);
}

}  // namespace lguest
