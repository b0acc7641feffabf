#include "hostsim/softcpu/host_area.h"

#include <cstring>

namespace lguest::hostsim {
namespace {

uint64_t Tame(uint64_t descriptor) {
  constexpr uint32_t kNeeded = kDescriptorCodeOrData | kDescriptorPresent;
  auto high = static_cast<uint32_t>(descriptor >> 32);
  if ((high & kNeeded) != kNeeded) return 0;
  if ((high >> kDescriptorPrivilegeShift & 3) == 0) high |= 1u << kDescriptorPrivilegeShift;
  high |= kDescriptorAccessed;
  return (uint64_t{high} << 32) | static_cast<uint32_t>(descriptor);
}

}  // namespace

Translation HostArea::Translate(GuestVirt address, Access access, bool user) {
  const bool there = PageAlignDown(address.value()) == kHostAreaStart;
  Translation translation;
  if (there && access == Access::kRead && !user) {
    translation.result = Translation::Result::kMapped;
  } else {
    translation.error_code = (there ? kFaultProtection : 0) |
                             (access == Access::kWrite ? kFaultWrite : 0) | (user ? kFaultUser : 0);
  }
  return translation;
}

void HostArea::SetGdt(std::span<const uint64_t, kGdtEntries> gdt) {
  for (size_t i = 0; i < gdt.size(); ++i) {
    const uint64_t descriptor = Tame(gdt[i]);
    std::memcpy(page_ + i * sizeof(descriptor), &descriptor, sizeof(descriptor));
  }
}

uint64_t HostArea::Descriptor(uint16_t selector) const {
  constexpr uint16_t kLocalTable = 4;
  const uint32_t index = selector >> 3;
  uint64_t descriptor = 0;
  if (index == 0 || index >= kGdtEntries || (selector & kLocalTable) != 0) return descriptor;
  std::memcpy(&descriptor, page_ + index * sizeof(descriptor), sizeof(descriptor));
  return descriptor;
}

}  // namespace lguest::hostsim
