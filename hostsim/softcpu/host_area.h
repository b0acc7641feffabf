// What a guest finds above 0xFFC00000: one page of the host's, with its descriptor table.

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

// The first page of the area can be read at ring 1, because the processor needs the GDT at some
// virtual address. Everything else in the area faults, running code of that page included.
class HostArea {
 public:
  static constexpr uint32_t kGdtAddress = kHostAreaStart;
  static constexpr uint32_t kGdtLimit = kGdtEntries * 8 - 1;
  static constexpr uint32_t kTssAddress = kHostAreaStart + 0x800;  // all zero
  static constexpr uint32_t kTssLimit = 0x67;

  // `page`: zeroed, for as long as this lives.
  explicit HostArea(std::byte* page) : page_(page) {}

  static constexpr bool Contains(GuestVirt address) { return address.value() >= kHostAreaStart; }

  // Never writable; `frame` is 0 when mapped.
  static Translation Translate(GuestVirt address, Access access, bool user);

  // Descriptors are made harmless first: there is no ring 0 here.
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt);

  // The descriptor that `selector` names; 0 if there is none, and for the null selectors.
  uint64_t Descriptor(uint16_t selector) const;

 private:
  std::byte* const page_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_HOST_AREA_H_
