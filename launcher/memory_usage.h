// What the launcher itself takes of the machine's memory.

#ifndef LAUNCHER_MEMORY_USAGE_H_
#define LAUNCHER_MEMORY_USAGE_H_

#include <cstdint>
#include <istream>
#include <optional>

#include "launcher/guest/guest_memory.h"

namespace lguest {

// Bytes of pages that a process has written to and shares with nobody (Private_Dirty), outside the
// addresses [start, start + size). `smaps`: its /proc/PID/smaps. nullopt when that is not readable.
std::optional<uint64_t> PrivateDirtyOutside(std::istream& smaps, uint64_t start, uint64_t size);

// The same for this process and what is not its guest's memory.
std::optional<uint64_t> PrivateMemoryOutsideGuest(const GuestMemory& memory);

}  // namespace lguest

#endif  // LAUNCHER_MEMORY_USAGE_H_
