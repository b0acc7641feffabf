// Behavior of the 2.6.23 kernel that a host may reproduce or not.

#ifndef HOSTSIM_QUIRKS_H_
#define HOSTSIM_QUIRKS_H_

#include <cstdint>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// With kLinux2623 a host has these quirks of the kernel (ABI.md §2.6, §2.10):
//
//  * GETDMA stores the interrupt number in `used_len` of the buffer. If all buffers are in use, it
//    returns the last one and overwrites its `used_len`.
//  * GETDMA with an invalid key kills the guest.
//  * A range that ends exactly at the top of guest memory is rejected.
enum class Quirks : uint8_t { kNone, kLinux2623 };

// True if the last quirk rejects the range.
inline bool QuirkRejects(Quirks quirks, const GuestMemory& memory, GuestPhys addr, uint64_t len) {
  return quirks == Quirks::kLinux2623 && addr.value() + len == memory.size();
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_QUIRKS_H_
