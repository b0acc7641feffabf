#include "devices/net/shared_net.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/bus/dma_chain.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

// The real host requires this of a DMA between guests (ABI.md §2.8).
absl::Status CheckSections(const DmaChain& chain) {
  for (size_t i = 0; i < chain.sections().size(); ++i) {
    const uint32_t addr = chain.section_address(i).value();
    const size_t len = chain.sections()[i].iov_len;
    if (addr % kPageSize + len > kPageSize) {
      return absl::InvalidArgumentError(absl::StrFormat("bad DMA entry: %u@0x%x", len, addr));
    }
  }
  return absl::OkStatus();
}

}  // namespace

SharedNet::SharedNet(std::unique_ptr<SharedNetFile> file, std::unique_ptr<PeerSockets> sockets,
                     LogSink log)
    : file_(std::move(file)), sockets_(std::move(sockets)), log_(std::move(log)) {}

std::string SharedNet::name() const { return absl::StrCat("sharenet ", file_->path()); }

uint16_t SharedNet::features() const {
  static_assert(kNetPeersPerPage < kNetFeatureNoChecksum);
  return static_cast<uint16_t>(file_->slot() | kNetFeatureNoChecksum);
}

absl::Status SharedNet::Attach(GuestMemory& memory, const DevicePlace& place) {
  memory_ = &memory;
  page_ = place.pages;
  return memory.MapSharedPage(page_, file_->fd());
}

std::vector<DmaKey> SharedNet::output_keys() const {
  std::vector<DmaKey> keys;
  if (sockets_ == nullptr) return keys;
  for (uint32_t slot = 0; slot < kNetPeersPerPage; ++slot) keys.push_back(NetSlotKey(page_, slot));
  return keys;
}

absl::StatusOr<std::optional<uint32_t>> SharedNet::Send(DmaKey key, const DmaChain& chain,
                                                        DmaPort& /*port*/) {
  RETURN_IF_ERROR(CheckSections(chain));
  if (memory_->IsLost(page_)) return std::nullopt;
  const uint32_t slot = (key.value() - page_.value()) / 4;
  if (slot == file_->slot()) return std::nullopt;  // packets go to other guests only
  switch (sockets_->Send(slot, chain.sections())) {
    case PeerSockets::SendResult::kSent:
      return chain.size();
    case PeerSockets::SendResult::kQueueFull:
      return 0;
    case PeerSockets::SendResult::kNotPermitted:
      log_.Log(absl::StrCat(name(), ": no permission to send to the guest in slot ", slot,
                            " (logged only once)"));
      return std::nullopt;
    case PeerSockets::SendResult::kNoPeer:
      return std::nullopt;
  }
  return std::nullopt;
}

absl::StatusOr<Device::Input> SharedNet::Receive(DmaPort& port) {
  if (sockets_ == nullptr || memory_->IsLost(page_)) return Input::kClosed;
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next =
      port.NextBuffer(NetSlotKey(page_, file_->slot()));
  RETURN_IF_ERROR(next.status());
  const std::optional<DmaPort::Buffer>& buffer = *next;
  if (!buffer.has_value()) {
    RETURN_IF_ERROR(InterruptWithoutBuffer(port));
    return Input::kNoRoom;
  }
  irq_ = buffer->irq;
  interrupted_without_buffer_ = false;
  const DmaChain& chain = buffer->chain;
  RETURN_IF_ERROR(CheckSections(chain));
  const absl::StatusOr<size_t> len = sockets_->Receive(IoVector(chain.sections()));
  if (len.ok() && *len != 0) {
    RETURN_IF_ERROR(port.Deliver(*buffer, static_cast<uint32_t>(*len)));
    return Input::kMore;
  }
  RETURN_IF_ERROR(port.Release(*buffer));
  if (len.ok()) return Input::kMore;  // the packet or the buffer was empty
  if (!absl::IsUnavailable(len.status())) {
    log_.Log(absl::StrCat(name(), ": ", std::string(len.status().message())));
  }
  return Input::kNone;
}

absl::Status SharedNet::InterruptWithoutBuffer(DmaPort& port) {
  if (interrupted_without_buffer_ || !irq_.has_value() || !sockets_->HasPacket()) {
    return absl::OkStatus();
  }
  interrupted_without_buffer_ = true;
  return port.RaiseInterrupt(*irq_);
}

}  // namespace lguest
