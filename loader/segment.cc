#include "loader/segment.h"

namespace lguest::loader {

absl::Status PlaceSegment(GuestMemory& memory, const Segment& segment,
                          std::span<const std::byte> image) {
  if (segment.file_size == 0) return absl::OkStatus();
  return memory.WriteBytes(
      segment.address, image.subspan(static_cast<size_t>(segment.file_offset), segment.file_size));
}

}  // namespace lguest::loader
