#include "devices/rng/virtio_rng.h"

#include <sys/uio.h>

#include "launcher/base/status_macros.h"

namespace lguest {
void VirtioRng::Attach(GuestMemory& memory, std::span<Virtqueue> queues) {
  memory_ = &memory;
  queue_ = queues.data();
}

absl::Status VirtioRng::Notify(uint32_t /*index*/) {
  // A buffer over the ring could add chains for ever, so there is a limit.
  for (uint32_t i = 0; i < kVirtqueueSize; ++i) {
    ASSIGN_OR_RETURN(const bool popped, queue_->Pop(chain_));
    if (!popped) break;
    RETURN_IF_ERROR(queue_->Push(chain_, Fill()));
  }
  return queue_->is_enabled() ? queue_->Interrupt() : absl::OkStatus();
}

uint32_t VirtioRng::Fill() {
  const std::span<const iovec> pieces = chain_.writable.sections();
  if (pieces.empty()) return 0;
  const uint32_t filled = source_->Fill(pieces);
  chain_.writable.NotifyWritten(*memory_, filled);
  return filled;
}

}  // namespace lguest
