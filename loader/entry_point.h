// Where a guest kernel starts (ABI.md §3.2).

#ifndef LOADER_ENTRY_POINT_H_
#define LOADER_ENTRY_POINT_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/segment.h"

namespace lguest::loader {

// Marks the first instruction: the entry point is the byte after it.
inline constexpr std::string_view kEntryMagic = "GenuineLguest";

// Looks for the magic in `ranges` of guest memory, one after the other: each is what was loaded in
// one piece, so the magic and the byte after it have to lie inside one. What lies outside `memory`
// is passed over. The first one found counts; so ranges of code come first.
// InvalidArgument, naming `name`, when there is none or its virtual address is beyond 4 GB.
absl::StatusOr<GuestVirt> FindEntryPoint(const GuestMemory& memory,
                                         std::span<const GuestRange> ranges, uint32_t page_offset,
                                         std::string_view name);

}  // namespace lguest::loader

#endif  // LOADER_ENTRY_POINT_H_
