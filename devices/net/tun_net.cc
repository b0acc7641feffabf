#include "devices/net/tun_net.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "devices/bus/dma_chain.h"

namespace lguest {
namespace {

constexpr uint8_t kPromiscuous = 1;  // in the first byte of a slot's MAC

}  // namespace

TunNet::TunNet(const std::string& label, std::unique_ptr<PacketBackend> backend, LogSink log)
    : link_(absl::StrCat("tunnet ", label), std::move(backend), std::move(log)) {}

absl::Status TunNet::Attach(GuestMemory& memory, const DevicePlace& place) {
  memory_ = &memory;
  page_ = place.pages;
  NetPeer host = link_.mac();
  host.mac[0] |= kPromiscuous;
  return memory.Write(NetSlotAddress(page_, kHostSlot), host);
}

absl::StatusOr<std::optional<uint32_t>> TunNet::Send(DmaKey /*key*/, const DmaChain& chain,
                                                     DmaPort& /*port*/) {
  return link_.Send(chain.sections()) ? chain.size() : 0;
}

}  // namespace lguest
