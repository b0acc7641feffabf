// The area from 0xFFC00000 up in the guest's address space: one page with the GDT.

#ifndef HOSTSIM_SOFTCPU_HOST_AREA_H_
#define HOSTSIM_SOFTCPU_HOST_AREA_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "hostsim/i386/descriptor.h"
#include "hostsim/i386/page_walk.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// The host area (ABI.md §4.16). Ring 1 can read its first page, because the processor needs the GDT
// at a virtual address. Writing or executing this page faults, and all other pages fault.
class HostArea {
 public:
  static constexpr uint32_t kGdtAddress = kHostAreaStart;
  static constexpr uint32_t kGdtLimit = kGdtEntries * 8 - 1;
  static constexpr uint32_t kTssAddress = kHostAreaStart + 0x800;  // all zero
  static constexpr uint32_t kTssLimit = 0x67;

  // `page` is zeroed and must outlive this object.
  explicit HostArea(std::byte* page) : page_(page) {}

  static constexpr bool Contains(GuestVirt address) { return address.value() >= kHostAreaStart; }

  // The result is never writable. If it is mapped, `frame` is 0.
  static Translation Translate(GuestVirt address, Access access, bool user);

  // Sanitizes the descriptors (SanitizeDescriptor()): the guest has no ring 0.
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt);

  // The descriptor of `selector`; 0 for a null selector, an LDT selector, and one beyond the limit.
  uint64_t Descriptor(uint16_t selector) const;

 private:
  std::byte* const page_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_HOST_AREA_H_
