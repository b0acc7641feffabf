// Network interfaces (ABI.md §4.21). A packet goes by DMA to each peer that wants it: the peers'
// slots, with their addresses, are on the device's page, which all of them share.

#ifndef TESTDATA_GUEST_NET_H_
#define TESTDATA_GUEST_NET_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "launcher/guest/abi.h"
#include "testdata/guest/devices.h"

namespace guest {

using MacAddress = std::array<uint8_t, 6>;

class NetInterface {
 public:
  static constexpr uint32_t kMaxPacket = 1514;

  // Takes its slot and offers receive buffers; false when the host has no room for them.
  bool Init(const Device& device);

  const MacAddress& mac() const { return mac_; }

  // An Ethernet frame without checksum, which begins with the receiver's address.
  void Send(std::span<const uint8_t> packet);

  // Copies the next packet that came; its size, or 0 when none came in time.
  uint32_t Receive(std::span<uint8_t, kMaxPacket> packet, uint32_t timeout_ms);

 private:
  static constexpr uint32_t kBuffers = 8;

  // Aligned so that it lies in one page: the 2.6.23 host garbles a packet from another guest when a
  // receiving section ends in the middle of a sending one.
  struct alignas(2048) Buffer {
    std::array<uint8_t, kMaxPacket> bytes;
  };

  std::span<lguest::NetPeer> peers() const;
  uint32_t PeerKey(uint32_t slot) const { return device_.page() + 4 * slot; }
  void OfferBuffer(uint32_t index);

  Device device_ = {};
  uint32_t slot_ = 0;
  MacAddress mac_ = {};
  std::array<lguest::Dma, kBuffers> dmas_ = {};
  std::array<Buffer, kBuffers> buffers_ = {};
};

void InitNet();

// The first network interface, null when there is none.
NetInterface* FirstNetInterface();

}  // namespace guest

#endif  // TESTDATA_GUEST_NET_H_
