#include "devices/virtio/virtqueue_port.h"

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest {

absl::StatusOr<std::optional<DmaPort::Buffer>> VirtqueuePort::NextBuffer(DmaKey /*key*/) {
  // The only returned object, so that the compiler elides the copy of the chain, which is large.
  absl::StatusOr<std::optional<Buffer>> next(std::nullopt);
  const absl::StatusOr<bool> popped = queue_.Pop(chain_);
  if (!popped.ok()) {
    next = popped.status();
  } else if (*popped && chain_.writable.size() < header_.size()) {
    next = absl::InvalidArgumentError(
        absl::StrFormat("bad virtqueue: a buffer of %u bytes for a header of %u",
                        chain_.writable.size(), header_.size()));
  } else if (*popped) {
    DmaChain& chain = next->emplace(/*interrupt=*/0).chain;
    chain = chain_.writable;
    chain.DropFront(static_cast<uint32_t>(header_.size()));
  }
  return next;
}

absl::Status VirtqueuePort::Deliver(const Buffer& buffer, uint32_t used) {
  chain_.writable.Write(memory_, header_);
  buffer.chain.NotifyWritten(memory_, used);
  RETURN_IF_ERROR(queue_.Push(chain_, used + static_cast<uint32_t>(header_.size())));
  return queue_.Interrupt();
}

absl::Status VirtqueuePort::Release(const Buffer& /*buffer*/) {
  queue_.UnPop();
  return absl::OkStatus();
}

absl::Status VirtqueuePort::RaiseInterrupt(uint32_t /*irq*/) {
  return queue_.is_enabled() ? queue_.Interrupt() : absl::OkStatus();
}

}  // namespace lguest
