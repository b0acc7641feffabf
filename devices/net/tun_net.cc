#include "devices/net/tun_net.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/bus/dma_chain.h"
#include "devices/bus/io_vector.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr size_t kLongestPacket = 65536;
constexpr uint8_t kPromiscuous = 1;  // in the first byte of a slot's MAC

}  // namespace

TunNet::TunNet(std::string label, std::unique_ptr<PacketBackend> backend, LogSink log)
    : label_(std::move(label)),
      backend_(std::move(backend)),
      overflow_(kLongestPacket),
      sending_log_(log),
      receiving_log_(log),
      too_long_log_(std::move(log)) {}

std::string TunNet::name() const { return absl::StrCat("tunnet ", label_); }

absl::Status TunNet::Attach(GuestMemory& memory, const DevicePlace& place) {
  memory_ = &memory;
  page_ = place.pages;
  NetPeer host = backend_->mac();
  host.mac[0] |= kPromiscuous;
  return memory.Write(NetSlotAddress(page_, kHostSlot), host);
}

absl::StatusOr<std::optional<uint32_t>> TunNet::Send(DmaKey /*key*/, const DmaChain& chain,
                                                     DmaPort& /*port*/) {
  if (const absl::Status written = backend_->Write(chain.sections()); !written.ok()) {
    sending_log_.Log(absl::StrCat(name(), ": dropped a packet from the guest: ",
                                  std::string(written.message()), " (logged only once)"));
    return 0;
  }
  return chain.size();
}

absl::StatusOr<Device::Input> TunNet::Receive(DmaPort& port) {
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next =
      port.NextBuffer(NetSlotKey(page_, kGuestSlot));
  RETURN_IF_ERROR(next.status());
  const std::optional<DmaPort::Buffer>& buffer = *next;
  if (!buffer.has_value()) return Input::kNoRoom;
  const DmaChain& chain = buffer->chain;
  IoVector to(chain.sections());
  to.Append({.iov_base = overflow_.data(), .iov_len = overflow_.size()});
  const absl::StatusOr<size_t> len = backend_->Read(to);
  if (!len.ok()) {
    in_burst_ = false;
    if (absl::IsUnavailable(len.status())) return ReleaseBuffer(port, *buffer, Input::kNone);
    receiving_log_.Log(absl::StrCat(name(), ": ", std::string(len.status().message())));
    return ReleaseBuffer(port, *buffer,
                         absl::IsNotFound(len.status()) ? Input::kClosed : Input::kNone);
  }
  if (*len > chain.size()) {
    chain.NotifyWritten(*memory_, chain.size());
    too_long_log_.Log(absl::StrFormat(
        "%s: dropped a packet of %u bytes: the guest's buffer has %u bytes (logged only once)",
        name(), *len, chain.size()));
    return ReleaseBuffer(port, *buffer, Input::kMore);
  }
  if (*len == 0) return ReleaseBuffer(port, *buffer, Input::kMore);
  RETURN_IF_ERROR(port.Deliver(*buffer, static_cast<uint32_t>(*len)));
  // poll() once after an isolated packet (cheaper than a wasted GETDMA); skip it during a burst.
  if (!in_burst_) in_burst_ = backend_->IsReadable();
  return in_burst_ ? Input::kMore : Input::kLast;
}

absl::StatusOr<Device::Input> TunNet::ReleaseBuffer(DmaPort& port, const DmaPort::Buffer& buffer,
                                                    Input input) {
  RETURN_IF_ERROR(port.Release(buffer));
  return input;
}

}  // namespace lguest
