// Segment descriptors, in the formats of the GDT and of a loaded segment register.

#ifndef HOSTSIM_I386_DESCRIPTOR_H_
#define HOSTSIM_I386_DESCRIPTOR_H_

#include <cstdint>

#include "hostsim/i386/asm_constants.h"

namespace lguest::hostsim {

// Bits of a descriptor's upper word.
inline constexpr uint32_t kDescriptorAccessed = I386_DESCRIPTOR_ACCESSED;
inline constexpr uint32_t kDescriptorWritable = 1u << 9;     // of data
inline constexpr uint32_t kDescriptorConforming = 1u << 10;  // of code
inline constexpr uint32_t kDescriptorCode = 1u << 11;
inline constexpr uint32_t kDescriptorCodeOrData = I386_DESCRIPTOR_CODE_OR_DATA;
inline constexpr uint32_t kDescriptorPrivilege = I386_DESCRIPTOR_PRIVILEGE;
inline constexpr uint32_t kDescriptorPrivilege1 = I386_DESCRIPTOR_PRIVILEGE_1;
inline constexpr uint32_t kDescriptorPresent = 1u << 15;
inline constexpr uint32_t kDescriptorBig = 1u << 22;  // 32-bit code, or a stack that uses %esp
inline constexpr uint32_t kDescriptorPages = 1u << 23;

constexpr uint32_t UpperWord(uint64_t descriptor) {
  return static_cast<uint32_t>(descriptor >> 32);
}

// Flat 4 GB segments of ring 0.
inline constexpr uint64_t kFlatCode = 0x00cf9b000000ffff;
inline constexpr uint64_t kFlatData = 0x00cf93000000ffff;

constexpr uint64_t AtPrivilege1(uint64_t descriptor) {
  return descriptor | uint64_t{kDescriptorPrivilege1} << 32;
}

// Returns `descriptor` in a form that is safe for a guest (ABI.md §4.4). Gates and task segments
// become 0: a jump through one could change the privilege level. Privilege 0 becomes 1. The
// accessed bit is set, because the guest's processor cannot write to the table. A segment that is
// not present is kept: loading it is #NP. The switcher's load_tls does the same in assembly.
constexpr uint64_t SanitizeDescriptor(uint64_t descriptor) {
  uint32_t high = UpperWord(descriptor);
  if ((high & kDescriptorCodeOrData) == 0) return 0;
  if ((high & kDescriptorPrivilege) == 0) high |= kDescriptorPrivilege1;
  high |= kDescriptorAccessed;
  return uint64_t{high} << 32 | static_cast<uint32_t>(descriptor);
}

// The part of a segment register that the processor loads from a descriptor.
struct LoadedSegment {
  uint32_t selector = 0;
  uint32_t base = 0;
  uint32_t limit = 0;  // offset of the last byte
  uint32_t flags = 0;  // the descriptor's upper word

  friend bool operator==(const LoadedSegment&, const LoadedSegment&) = default;
};

constexpr LoadedSegment DecodeSegment(uint16_t selector, uint64_t descriptor) {
  const auto low = static_cast<uint32_t>(descriptor);
  const uint32_t high = UpperWord(descriptor);
  LoadedSegment segment;
  segment.selector = selector;
  segment.base = (low >> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
  segment.limit = (low & 0xffff) | (high & 0x000f0000);
  if ((high & kDescriptorPages) != 0) segment.limit = (segment.limit << 12) | 0xfff;
  segment.flags = high;
  return segment;
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_DESCRIPTOR_H_
