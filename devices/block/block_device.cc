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
namespace {

uint32_t SectorsOf(const BlockBackend& disk) {
  return static_cast<uint32_t>(
      std::min<uint64_t>(disk.size() / kSectorSize, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

BlockDevice::BlockDevice(std::string label, std::unique_ptr<BlockBackend> disk, const LogSink& log)
    : label_(std::move(label)),
      disk_(std::move(disk)),
      num_sectors_(SectorsOf(*disk_)),
      failure_log_(log) {
  const uint64_t hidden = disk_->size() - uint64_t{num_sectors_} * kSectorSize;
  if (hidden != 0 && log) {
    log(absl::StrFormat("%s: the guest cannot see the last %u bytes: %s", name(), hidden,
                        hidden < kSectorSize ? "they are not a whole sector"
                                             : "a disk has at most 4294967295 sectors"));
  }
}

BlockDevice::~BlockDevice() {
  if (const absl::Status synced = disk_->Sync(); !synced.ok()) {
    failure_log_.Log(absl::StrCat(name(), ": ", synced.message()));
  }
}

std::string BlockDevice::name() const { return absl::StrCat("block ", label_); }

absl::Status BlockDevice::Attach(GuestMemory& memory, const DevicePlace& place) {
  memory_ = &memory;
  page_ = place.pages;
  key_ = DmaKey(place.pages.value());
  return memory.Write(
      page_,
      BlockPage{.type = 0, .sector = 0, .bytes = 0, .result = 0, .num_sectors = num_sectors_});
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
  const uint64_t start = uint64_t{request.sector} * kSectorSize;
  const uint64_t end = uint64_t{num_sectors_} * kSectorSize;
  if (start > end || request.bytes > end - start) return {BlockResult::kError, 0};
  return request.type == static_cast<int32_t>(BlockRequest::kRead) ? Read(request, reply)
                                                                   : Write(request, sent);
}

BlockDevice::Outcome BlockDevice::Read(const BlockPage& request, const DmaChain& reply) {
  if (reply.size() != request.bytes) return {BlockResult::kError, 0};
  const absl::Status read = disk_->ReadAt(uint64_t{request.sector} * kSectorSize, reply.sections());
  if (read.ok()) return {BlockResult::kOk, reply.size()};
  failure_log_.Log(absl::StrCat(name(), ": ", read.message(), " (logged only once)"));
  // A part may have been read.
  reply.NotifyWritten(*memory_, reply.size());
  return {BlockResult::kError, 0};
}

BlockDevice::Outcome BlockDevice::Write(const BlockPage& request, const DmaChain& sent) {
  if (sent.size() != request.bytes) return {BlockResult::kError, 0};
  const absl::Status written =
      disk_->WriteAt(uint64_t{request.sector} * kSectorSize, sent.sections());
  if (written.ok()) return {BlockResult::kOk, 0};
  failure_log_.Log(absl::StrCat(name(), ": ", written.message(), " (logged only once)"));
  return {BlockResult::kError, 0};
}

}  // namespace lguest
