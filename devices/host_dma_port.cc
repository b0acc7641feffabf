#include "devices/host_dma_port.h"

#include <cstddef>

#include "absl/strings/str_format.h"
#include "devices/dma_chain.h"
#include "launcher/guest/abi.h"

namespace lguest {

absl::StatusOr<std::optional<DmaPort::Buffer>> HostDmaPort::NextBuffer(DmaKey key) {
  const absl::StatusOr<BoundDma> bound = host_.GetDma(key);
  if (absl::IsNotFound(bound.status())) return std::nullopt;
  if (!bound.ok()) return bound.status();
  // On the real host the number has travelled through guest memory.
  if (bound->irq >= kInterrupts) {
    return absl::InvalidArgumentError(
        absl::StrFormat("bad interrupt %u of dma buffer 0x%x", bound->irq, bound->dma.value()));
  }
  // Filled where it will be used: a chain is large.
  absl::StatusOr<std::optional<Buffer>> next(absl::in_place);
  Buffer& buffer = next->emplace(DmaChain(), bound->irq);
  if (absl::Status filled = buffer.chain.Fill(memory_, bound->dma); !filled.ok()) return filled;
  return next;
}

absl::Status HostDmaPort::Deliver(const Buffer& buffer, uint32_t used) {
  ++filled_.buffers;
  filled_.bytes += used;
  buffer.chain.NotifyWritten(memory_, used);
  if (absl::Status set = SetUsedLen(buffer.chain.address(), used); !set.ok()) return set;
  return Interrupt(buffer.irq);
}

absl::Status HostDmaPort::Interrupt(uint32_t irq) {
  absl::Status raised = host_.Interrupt(irq);
  if (absl::IsNotFound(raised)) return absl::OkStatus();
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
