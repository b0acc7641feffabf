// Finds the entry point of a guest kernel (ABI.md §3.2).

#ifndef LOADER_ENTRY_POINT_H_
#define LOADER_ENTRY_POINT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/segment.h"

namespace lguest::loader {

// The entry point is the byte after this magic.
inline constexpr std::string_view kEntryMagic = "GenuineLguest";

// True if `bytes` contains the magic.
bool HasEntryMagic(std::span<const std::byte> bytes);

// Searches `ranges` of guest memory in order and uses the first match, so ranges of code should
// come first. Each range was loaded in one piece: the magic and the byte after it must lie inside
// one range. Ranges outside `memory` are skipped. InvalidArgument, with `name`, when there is no
// magic or the virtual address of the entry point is beyond 4 GB.
absl::StatusOr<GuestVirt> FindEntryPoint(const GuestMemory& memory,
                                         std::span<const GuestRange> ranges, uint32_t page_offset,
                                         std::string_view name);

}  // namespace lguest::loader

#endif  // LOADER_ENTRY_POINT_H_
