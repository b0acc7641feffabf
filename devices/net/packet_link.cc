#include "devices/net/packet_link.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/bus/dma_chain.h"
#include "devices/bus/io_vector.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr size_t kLongestPacket = 65536;

}  // namespace

PacketLink::PacketLink(std::string name, std::unique_ptr<PacketBackend> backend, LogSink log)
    : name_(std::move(name)),
      backend_(std::move(backend)),
      overflow_(kLongestPacket),
      sending_log_(log),
      receiving_log_(log),
      too_long_log_(std::move(log)) {}

bool PacketLink::Send(std::span<const iovec> packet) {
  const absl::Status written = backend_->Write(packet);
  if (written.ok()) return true;
  sending_log_.Log(absl::StrCat(name_, ": dropped a packet from the guest: ",
                                std::string(written.message()), " (logged only once)"));
  return false;
}

absl::StatusOr<Device::Input> PacketLink::Receive(GuestMemory& memory, DmaPort& port, DmaKey key) {
  using Input = Device::Input;
  const absl::StatusOr<std::optional<DmaPort::Buffer>> next = port.NextBuffer(key);
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
    receiving_log_.Log(absl::StrCat(name_, ": ", std::string(len.status().message())));
    return ReleaseBuffer(port, *buffer,
                         absl::IsNotFound(len.status()) ? Input::kClosed : Input::kNone);
  }
  if (*len > chain.size()) {
    chain.NotifyWritten(memory, chain.size());
    too_long_log_.Log(absl::StrFormat(
        "%s: dropped a packet of %u bytes: the guest's buffer has %u bytes (logged only once)",
        name_, *len, chain.size()));
    return ReleaseBuffer(port, *buffer, Input::kMore);
  }
  if (*len == 0) return ReleaseBuffer(port, *buffer, Input::kMore);
  RETURN_IF_ERROR(port.Deliver(*buffer, static_cast<uint32_t>(*len)));
  // poll() once after an isolated packet (cheaper than a wasted GETDMA); skip it during a burst.
  if (!in_burst_) in_burst_ = backend_->IsReadable();
  return in_burst_ ? Input::kMore : Input::kLast;
}

absl::StatusOr<Device::Input> PacketLink::ReleaseBuffer(DmaPort& port,
                                                        const DmaPort::Buffer& buffer,
                                                        Device::Input input) {
  RETURN_IF_ERROR(port.Release(buffer));
  return input;
}

}  // namespace lguest
