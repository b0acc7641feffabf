#include "devices/net/virtio_net.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr uint32_t kInputQueue = 0;
constexpr uint32_t kOutputQueue = 1;

// All zero but for the number of buffers, 1, where the header has one.
std::vector<std::byte> Header(uint32_t size) {
  std::vector<std::byte> header(size);
  if (size == kVirtioNetHeaderSizeModern) header[kVirtioNetHeaderSize] = std::byte{1};
  return header;
}

}  // namespace

VirtioNet::VirtioNet(std::string name, std::unique_ptr<PacketBackend> backend, const NetPeer& mac,
                     uint32_t header_size, LogSink log)
    : link_(std::move(name), std::move(backend), std::move(log)),
      mac_(mac),
      header_(Header(header_size)) {}

void VirtioNet::Attach(GuestMemory& memory, std::span<Virtqueue> queues) {
  memory_ = &memory;
  input_.emplace(memory, queues[kInputQueue], header_);
  output_ = &queues[kOutputQueue];
}

absl::Status VirtioNet::Notify(uint32_t index) {
  if (index != kOutputQueue) return absl::OkStatus();  // Receive() looks for the new buffers
  // More chains than a queue has cannot come from the guest, which is stopped.
  for (uint32_t i = 0; i < kVirtqueueSize; ++i) {
    ASSIGN_OR_RETURN(const bool popped, output_->Pop(chain_));
    if (!popped) break;
    DmaChain& packet = chain_.readable;
    if (packet.size() < header_.size()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: a packet of %u bytes with a header of %u", name(), packet.size(), header_.size()));
    }
    packet.DropFront(static_cast<uint32_t>(header_.size()));
    link_.Send(packet.sections());
    RETURN_IF_ERROR(output_->Push(chain_, 0));
  }
  return output_->is_enabled() ? output_->Interrupt() : absl::OkStatus();
}

}  // namespace lguest
