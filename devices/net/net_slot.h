// Keys and addresses of the slots of a network page.

#ifndef DEVICES_NET_NET_SLOT_H_
#define DEVICES_NET_NET_SLOT_H_

#include <cstdint>

#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest {

// The DMA key of the receive buffers of slot `slot` of the network page at `page` (ABI.md §4.21).
constexpr DmaKey NetSlotKey(GuestPhys page, uint32_t slot) {
  return DmaKey(page.value() + 4 * slot);
}

// The address of that slot's MAC.
constexpr GuestPhys NetSlotAddress(GuestPhys page, uint32_t slot) {
  return GuestPhys(page.value() + slot * uint32_t{sizeof(NetPeer)});
}

}  // namespace lguest

#endif  // DEVICES_NET_NET_SLOT_H_
