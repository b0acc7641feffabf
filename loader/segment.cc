#include "loader/segment.h"

#include <algorithm>

#include "launcher/base/status_macros.h"

namespace lguest::loader {
namespace {

absl::Status CopyPart(GuestMemory& memory, const Segment& segment, std::span<const std::byte> image,
                      uint32_t start, uint32_t len) {
  const size_t from = static_cast<size_t>(segment.file_offset) + start;
  return memory.WriteBytes(GuestPhys(segment.address.value() + start), image.subspan(from, len));
}

}  // namespace

absl::Status PlaceSegment(GuestMemory& memory, const Segment& segment,
                          std::span<const std::byte> image, int fd) {
  const uint32_t size = segment.file_size;
  const bool mappable =
      fd >= 0 && segment.address.value() % kPageSize == segment.file_offset % kPageSize;
  if (!mappable) return CopyPart(memory, segment, image, 0, size);

  // Bytes before the first page boundary, whole pages, remaining bytes.
  const uint32_t head = std::min(size, (0u - segment.address.value()) % kPageSize);
  const uint32_t pages = PageAlignDown(size - head);
  const uint32_t tail = size - head - pages;
  RETURN_IF_ERROR(CopyPart(memory, segment, image, 0, head));
  if (pages != 0) {
    auto status = memory.MapFile(GuestPhys(segment.address.value() + head), fd,
                                 segment.file_offset + head, pages);
    if (!status.ok()) return status;
  }
  return CopyPart(memory, segment, image, head + pages, tail);
}

}  // namespace lguest::loader
