#include "testdata/guest/net.h"

#include <algorithm>

#include "testdata/guest/hypercall.h"
#include "testdata/guest/interrupts.h"
#include "testdata/guest/memory.h"
#include "testdata/guest/timer.h"

namespace guest {
namespace {

constexpr uint8_t kMulticast = 1;
constexpr uint16_t kFeatureFlags = lguest::kNetFeatureNoChecksum | lguest::kDeviceFeatureRandomness;

constinit NetInterface first_interface;
bool has_interface;

// The packet is in its buffer before the interrupt, so the handler only has to wake the guest.
void HandleNetInterrupt(TrapFrame& /*frame*/) {}

// Whether the peer with this address in its slot accepts packets to `receiver`. A peer sets the
// multicast bit of its own address to receive all packets.
bool Wants(const MacAddress& peer, const MacAddress& receiver) {
  if (((peer[0] | receiver[0]) & kMulticast) != 0) return true;
  return peer == receiver;
}

}  // namespace

bool NetInterface::Init(const Device& device) {
  device_ = device;
  slot_ = device.descriptor->features & static_cast<uint16_t>(~kFeatureFlags);
  mac_ = {2, 0, static_cast<uint8_t>(lguest_data.guestid),
          static_cast<uint8_t>(lguest_data.guestid >> 8)};
  for (uint32_t i = 0; i < kBuffers; ++i) OfferBuffer(i);
  SetInterruptHandler(device.irq, HandleNetInterrupt);
  if (!BindDma(PeerKey(slot_), dmas_, device.irq)) return false;
  // Peers send to this guest from now on.
  peers()[slot_].mac = mac_;
  return true;
}

std::span<lguest::NetPeer> NetInterface::peers() const {
  return {device_.memory<lguest::NetPeer>(), lguest::kNetPeersPerPage};
}

void NetInterface::OfferBuffer(uint32_t index) {
  const lguest::Dma dma = MakeDma(std::span<const uint8_t>(buffers_[index].bytes));
  dmas_[index].addr = dma.addr;
  dmas_[index].len = dma.len;
  WriteOnce(dmas_[index].used_len, 0u);
}

void NetInterface::Send(std::span<const uint8_t> packet) {
  MacAddress receiver;
  std::copy_n(packet.begin(), receiver.size(), receiver.begin());
  const lguest::Dma dma = MakeDma(packet);
  for (uint32_t slot = 0; slot < lguest::kNetPeersPerPage; ++slot) {
    const MacAddress& peer = peers()[slot].mac;
    if (slot != slot_ && peer[0] != 0 && Wants(peer, receiver)) SendDma(PeerKey(slot), dma);
  }
}

uint32_t NetInterface::Receive(std::span<uint8_t, kMaxPacket> packet, uint32_t timeout_ms) {
  const auto full = [this] {
    return std::find_if(dmas_.begin(), dmas_.end(),
                        [](const lguest::Dma& dma) { return ReadOnce(dma.used_len) != 0; });
  };
  if (!WaitFor([&] { return full() != dmas_.end(); }, timeout_ms)) return 0;
  const auto index = static_cast<uint32_t>(full() - dmas_.begin());
  const uint32_t size = std::min(dmas_[index].used_len, kMaxPacket);
  std::copy_n(buffers_[index].bytes.begin(), size, packet.begin());
  OfferBuffer(index);
  return size;
}

void InitNet() {
  const std::optional<Device> device = FindDevice(lguest::DeviceType::kNet);
  if (!device) return;
  if (!first_interface.Init(*device)) Crash("the host has no room to bind a network's buffers");
  AcceptDevice(*device);
  has_interface = true;
}

NetInterface* FirstNetInterface() { return has_interface ? &first_interface : nullptr; }

}  // namespace guest
