#include "devices/rng/virtio_rng.h"

#include <fcntl.h>
#include <sys/uio.h>

#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

constexpr char kSource[] = "/dev/urandom";

}  // namespace

absl::StatusOr<UniqueFd> VirtioRng::OpenSource() {
  UniqueFd fd(open(kSource, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("opening ", kSource);
  return fd;
}

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
  const ssize_t len = ReadVector(source_.get(), pieces.data(), static_cast<int>(pieces.size()));
  const uint32_t filled = len < 0 ? 0 : static_cast<uint32_t>(len);
  chain_.writable.NotifyWritten(*memory_, filled);
  return filled;
}

}  // namespace lguest
