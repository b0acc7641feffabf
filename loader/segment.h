// A segment of a kernel image and its location in guest memory.

#ifndef LOADER_SEGMENT_H_
#define LOADER_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::loader {

// A range of guest memory.
struct GuestRange {
  GuestPhys address;
  uint32_t size = 0;
};

// The loader puts `file_size` bytes from `file_offset` of the image at `address`, followed by
// zeroes up to `memory_size` bytes in total.
struct Segment {
  uint32_t number = 0;  // index of its program header, for messages
  GuestPhys address;
  uint64_t file_offset = 0;
  uint32_t file_size = 0;
  uint32_t memory_size = 0;  // at least file_size
  bool executable = false;
};

// Loads a segment into guest memory, which must be all zeroes. `image` is the whole image. The
// caller has checked that the segment lies inside `image` and `memory` and overlaps no other
// segment.
//
absl::Status PlaceSegment(GuestMemory& memory, const Segment& segment,
                          std::span<const std::byte> image);

}  // namespace lguest::loader

#endif  // LOADER_SEGMENT_H_
