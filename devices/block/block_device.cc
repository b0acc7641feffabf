#include "devices/block/block_device.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/bus/dma_chain.h"
#include "launcher/base/status_macros.h"

namespace lguest {
BlockDevice::BlockDevice(std::string label, std::unique_ptr<BlockBackend> disk, const LogSink& log)
    : disk_(std::move(label), std::move(disk), std::numeric_limits<uint32_t>::max(), log) {}

BlockDevice::~BlockDevice() { disk_.Sync(); }

absl::Status BlockDevice::Attach(GuestMemory& memory, const DevicePlace& place) {
  memory_ = &memory;
  page_ = place.pages;
  key_ = DmaKey(place.pages.value());
  return memory.Write(page_, BlockPage{.type = 0,
                                       .sector = 0,
                                       .bytes = 0,
                                       .result = 0,
                                       .num_sectors = static_cast<uint32_t>(disk_.sectors())});
}

absl::StatusOr<std::optional<uint32_t>> BlockDevice::Send(DmaKey /*key*/, const DmaChain& chain,
                                                          DmaPort& port) {
  // The request is fetched exactly once: the guest may change its page at any time.
  const absl::StatusOr<BlockPage> request = memory_->Read<BlockPage>(page_);  // guest-controlled
  if (!request.ok()) return request.status();
  if (request->type != static_cast<int32_t>(BlockRequest::kRead) &&
      request->type != static_cast<int32_t>(BlockRequest::kWrite)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: bad request type %d", name(), request->type));
  }
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next = port.NextBuffer(key_);
  RETURN_IF_ERROR(next.status());
  const std::optional<DmaPort::Buffer>& reply = *next;
  if (!reply.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name(), ": a request without a buffer for the reply"));
  }
  const Outcome outcome = Execute(*request, chain, reply->chain);
  // The guest reads the result on the interrupt, so the result is written first.
  const GuestPhys result(page_.value() + static_cast<uint32_t>(offsetof(BlockPage, result)));
  RETURN_IF_ERROR(memory_->Write(result, static_cast<int32_t>(outcome.result)));
  RETURN_IF_ERROR(port.Deliver(*reply, outcome.used));
  return 0;  // used_len of the request DMA; the answer is in `result`
}

BlockDevice::Outcome BlockDevice::Execute(const BlockPage& request, const DmaChain& sent,
                                          const DmaChain& reply) {
  constexpr Outcome kFailed = {BlockResult::kError, 0};
  if (request.type == static_cast<int32_t>(BlockRequest::kRead)) {
    const bool done = reply.size() == request.bytes && disk_.Read(*memory_, request.sector, reply);
    return done ? Outcome{BlockResult::kOk, reply.size()} : kFailed;
  }
  const bool done = sent.size() == request.bytes && disk_.Write(request.sector, sent);
  return done ? Outcome{BlockResult::kOk, 0} : kFailed;
}

}  // namespace lguest
