// Where the 2.6.23 kernel does what nobody would want.

#ifndef HOSTSIM_QUIRKS_H_
#define HOSTSIM_QUIRKS_H_

#include <cstdint>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// Whether a host is like the kernel there, too (ABI.md §2.6, §2.10):
//
//  * GETDMA stashes the interrupt in the buffer's `used_len`; when all buffers are in use it hands
//    out the last one, over its length;
//  * GETDMA of what cannot be a key kills the guest;
//  * a range that ends exactly at the top of guest memory is refused.
enum class Quirks : uint8_t { kNone, kLinux2623 };

// The last of these.
inline bool QuirkRejects(Quirks quirks, const GuestMemory& memory, GuestPhys addr, uint64_t len) {
  return quirks == Quirks::kLinux2623 && addr.value() + len == memory.size();
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_QUIRKS_H_
