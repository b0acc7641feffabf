#include "devices/console/virtio_console.h"

#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr uint32_t kInputQueue = 0;
constexpr uint32_t kOutputQueue = 1;

}  // namespace

void VirtioConsole::Attach(GuestMemory& memory, std::span<Virtqueue> queues) {
  console_->Attach(memory, {}).IgnoreError();  // cannot fail: it writes nothing to memory
  input_.emplace(memory, queues[kInputQueue]);
  output_ = &queues[kOutputQueue];
}

absl::Status VirtioConsole::Notify(uint32_t index) {
  if (index != kOutputQueue) return absl::OkStatus();  // Receive() looks for the new buffers
  // More chains than a queue has cannot come from the guest, which is stopped.
  for (uint32_t i = 0; i < kVirtqueueSize; ++i) {
    ASSIGN_OR_RETURN(const bool popped, output_->Pop(chain_));
    if (!popped) break;
    RETURN_IF_ERROR(console_->Output(chain_.readable.sections()));
    RETURN_IF_ERROR(output_->Push(chain_, 0));
  }
  return output_->is_enabled() ? output_->Interrupt() : absl::OkStatus();
}

absl::Status VirtioConsole::EarlyOutput(std::string_view text) {
  const iovec piece = {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  return console_->Output(std::span(&piece, 1));
}

}  // namespace lguest
