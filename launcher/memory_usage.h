// The launcher's own use of memory.

#ifndef LAUNCHER_MEMORY_USAGE_H_
#define LAUNCHER_MEMORY_USAGE_H_

#include <cstdint>
#include <istream>
#include <optional>

#include "launcher/guest/guest_memory.h"

namespace lguest {

// Bytes of the pages that a process has written to and shares with no other (Private_Dirty),
// outside of the addresses [start, start + size). `smaps` is its /proc/PID/smaps. nullopt if that
// cannot be read.
std::optional<uint64_t> PrivateDirtyOutside(std::istream& smaps, uint64_t start, uint64_t size);

// The same for this process, outside of the guest's memory.
std::optional<uint64_t> PrivateMemoryOutsideGuest(const GuestMemory& memory);

}  // namespace lguest

#endif  // LAUNCHER_MEMORY_USAGE_H_
