#include "devices/block/virtio_block.h"

#include <limits>
#include <utility>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

// The header and the status have descriptors of their own.
constexpr uint32_t kMostSegments = kVirtqueueSize / 2 - 2;

}  // namespace

VirtioBlock::VirtioBlock(std::string label, std::unique_ptr<BlockBackend> backend,
                         uint32_t header_size, const LogSink& log)
    : disk_(std::move(label), std::move(backend),
            std::numeric_limits<uint64_t>::max() / kSectorSize, log),
      header_size_(header_size) {}

uint64_t VirtioBlock::features() const {
  return kVirtioBlockSegmentsMax | kVirtioBlockFlush |
         (disk_.is_read_only() ? kVirtioBlockReadOnly : 0);
}

std::vector<std::byte> VirtioBlock::config() const {
  return ConfigBytes(VirtioBlockConfig{
      .sectors = disk_.sectors(), .segment_size_max = 0, .segments_max = kMostSegments});
}

void VirtioBlock::Attach(GuestMemory& memory, std::span<Virtqueue> queues) {
  memory_ = &memory;
  queue_ = queues.data();
}

absl::Status VirtioBlock::Notify(uint32_t /*index*/) {
  // A read into the ring could add chains for ever, so there is a limit.
  for (uint32_t i = 0; i < kVirtqueueSize; ++i) {
    ASSIGN_OR_RETURN(const bool popped, queue_->Pop(chain_));
    if (!popped) break;
    ASSIGN_OR_RETURN(const uint32_t written, Execute());
    RETURN_IF_ERROR(queue_->Push(chain_, written));
  }
  return queue_->is_enabled() ? queue_->Interrupt() : absl::OkStatus();
}

absl::StatusOr<uint32_t> VirtioBlock::Execute() {
  if (chain_.readable.size() < header_size_ || chain_.writable.size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: a request of %u bytes with %u for the answer", name(),
                        chain_.readable.size(), chain_.writable.size()));
  }
  VirtioBlockHeader header;  // guest-controlled
  chain_.readable.Read(*memory_, std::as_writable_bytes(std::span(&header, 1)));
  chain_.readable.DropFront(header_size_);
  const uint32_t data = chain_.writable.size() - 1;
  DmaChain status = chain_.writable;
  status.DropFront(data);
  chain_.writable.DropBack(1);

  const VirtioBlockStatus result = Transfer(header);
  status.Write(*memory_, std::as_bytes(std::span(&result, 1)));
  const bool is_read = (header.type & ~kVirtioBlockBarrier) == kVirtioBlockRead;
  const uint32_t written = is_read && result == VirtioBlockStatus::kOk ? data : 0;
  chain_.writable.NotifyWritten(*memory_, written);
  return written + 1;
}

VirtioBlockStatus VirtioBlock::Transfer(const VirtioBlockHeader& header) {
  bool done = false;
  switch (header.type & ~kVirtioBlockBarrier) {
    case kVirtioBlockRead:
      done = disk_.Read(*memory_, header.sector, chain_.writable);
      break;
    case kVirtioBlockWrite:
      done = disk_.Write(header.sector, chain_.readable);
      break;
    case kVirtioBlockFlushRequest:
      done = disk_.Sync();
      break;
    default:
      return VirtioBlockStatus::kUnsupported;
  }
  return done ? VirtioBlockStatus::kOk : VirtioBlockStatus::kError;
}

}  // namespace lguest
