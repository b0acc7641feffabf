// Network interfaces (ABI.md §4.21). All peers share the device's page, where each has a slot with
// its address. A packet goes by DMA to each peer that accepts it.

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

  // Claims the interface's slot and binds receive buffers. Returns false if the host has no room
  // for the bindings.
  bool Init(const Device& device);

  const MacAddress& mac() const { return mac_; }

  // Sends an Ethernet frame without checksum. The frame begins with the receiver's address.
  void Send(std::span<const uint8_t> packet);

  // Copies the next received packet and returns its size, or 0 after `timeout_ms`.
  uint32_t Receive(std::span<uint8_t, kMaxPacket> packet, uint32_t timeout_ms);

 private:
  static constexpr uint32_t kBuffers = 8;

  // Aligned so that a buffer does not cross a page: the 2.6.23 host corrupts a packet from another
  // guest if a receiving section ends in the middle of a sending section.
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

// Returns the first network interface, or null.
NetInterface* FirstNetInterface();

}  // namespace guest

#endif  // TESTDATA_GUEST_NET_H_
