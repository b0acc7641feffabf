// A stretch of a kernel image and its place in guest memory.

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

// `file_size` bytes at `file_offset` of the image go to `address`; zeroes follow, up to
// `memory_size` bytes in all.
struct Segment {
  uint32_t number = 0;  // of its program header, for messages
  GuestPhys address;
  uint64_t file_offset = 0;
  uint32_t file_size = 0;
  uint32_t memory_size = 0;  // at least file_size
  bool executable = false;
};

// Puts a segment into fresh guest memory. `image` is the whole image, and the caller has checked
// that the segment lies in it and in the memory, and overlaps no other.
//
// With the file descriptor `fd` of the image (-1: there is none) whole pages are mapped
// copy-on-write, so that guests of one kernel share what they do not change; the odd bytes before
// and after them are copied, so that nothing that merely follows in the file comes along.
absl::Status PlaceSegment(GuestMemory& memory, const Segment& segment,
                          std::span<const std::byte> image, int fd);

}  // namespace lguest::loader

#endif  // LOADER_SEGMENT_H_
