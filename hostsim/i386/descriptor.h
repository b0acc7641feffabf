// Segment descriptors, as they lie in a GDT.

#ifndef HOSTSIM_I386_DESCRIPTOR_H_
#define HOSTSIM_I386_DESCRIPTOR_H_

#include <cstdint>

namespace lguest::hostsim {

// Bits of a descriptor's upper word.
inline constexpr uint32_t kDescriptorAccessed = 1u << 8;
inline constexpr uint32_t kDescriptorCodeOrData = 1u << 12;
inline constexpr uint32_t kDescriptorPresent = 1u << 15;
inline constexpr uint32_t kDescriptorBig = 1u << 22;  // 32-bit code, or a stack that uses %esp
inline constexpr uint32_t kDescriptorPages = 1u << 23;
inline constexpr uint32_t kDescriptorPrivilegeShift = 13;

// `descriptor` as a guest may have it; 0 unless it is present code or data: gates and task switches
// lead to ring 0. Privilege 0 becomes 1 for the same reason. The accessed bit is set, so that the
// processor need not.
constexpr uint64_t SanitizeDescriptor(uint64_t descriptor) {
  constexpr uint32_t kNeeded = kDescriptorCodeOrData | kDescriptorPresent;
  auto high = static_cast<uint32_t>(descriptor >> 32);
  if ((high & kNeeded) != kNeeded) return 0;
  if ((high >> kDescriptorPrivilegeShift & 3) == 0) high |= 1u << kDescriptorPrivilegeShift;
  high |= kDescriptorAccessed;
  return (uint64_t{high} << 32) | static_cast<uint32_t>(descriptor);
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_DESCRIPTOR_H_
