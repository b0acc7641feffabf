#include "hostsim/softcpu/host_area.h"

#include <cstring>

#include "hostsim/i386/constants.h"
#include "hostsim/i386/descriptor.h"

namespace lguest::hostsim {
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
    const uint64_t descriptor = SanitizeDescriptor(gdt[i]);
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
