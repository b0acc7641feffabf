#include "loader/entry_point.h"

#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lguest::loader {

bool HasEntryMagic(std::span<const std::byte> bytes) {
  return memmem(bytes.data(), bytes.size(), kEntryMagic.data(), kEntryMagic.size()) != nullptr;
}

absl::StatusOr<GuestVirt> FindEntryPoint(const GuestMemory& memory,
                                         std::span<const GuestRange> ranges, uint32_t page_offset,
                                         std::string_view name) {
  for (const GuestRange& range : ranges) {
    const absl::StatusOr<std::span<const std::byte>> bytes =
        memory.Range(range.address, range.size);
    if (!bytes.ok() || bytes->size() <= kEntryMagic.size()) continue;
    // The byte after the magic must lie inside the range.
    const void* const found =
        memmem(bytes->data(), bytes->size() - 1, kEntryMagic.data(), kEntryMagic.size());
    if (found == nullptr) continue;
    const auto at = static_cast<const std::byte*>(found) - bytes->data();
    const uint64_t physical =
        uint64_t{range.address.value()} + static_cast<uint64_t>(at) + kEntryMagic.size();
    const uint64_t entry = physical + page_offset;
    if (entry > std::numeric_limits<uint32_t>::max()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: entry point at physical address %#x and page offset %#x: beyond 4 GB", name,
          physical, page_offset));
    }
    return GuestVirt(static_cast<uint32_t>(entry));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": no ", kEntryMagic,
                   " entry: the kernel was not built as an lguest guest (CONFIG_LGUEST_GUEST)"));
}

}  // namespace lguest::loader
