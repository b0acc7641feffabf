// What a processor keeps of a segment descriptor that it has loaded.

#ifndef HOSTSIM_I386_SEGMENT_H_
#define HOSTSIM_I386_SEGMENT_H_

#include <cstdint>

#include "hostsim/i386/descriptor.h"

namespace lguest::hostsim {

// The hidden part of a segment register.
struct LoadedSegment {
  uint32_t selector = 0;
  uint32_t base = 0;
  uint32_t limit = 0;  // offset of the last byte
  uint32_t flags = 0;  // the descriptor's upper word

  friend bool operator==(const LoadedSegment&, const LoadedSegment&) = default;
};

constexpr LoadedSegment DecodeSegment(uint16_t selector, uint64_t descriptor) {
  const uint32_t low = static_cast<uint32_t>(descriptor);
  const uint32_t high = static_cast<uint32_t>(descriptor >> 32);
  LoadedSegment segment;
  segment.selector = selector;
  segment.base = (low >> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
  segment.limit = (low & 0xffff) | (high & 0x000f0000);
  if ((high & kDescriptorPages) != 0) segment.limit = (segment.limit << 12) | 0xfff;
  segment.flags = high;
  return segment;
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_SEGMENT_H_
