// The guest's GDT, sanitized.

#ifndef HOSTSIM_GUEST_GDT_H_
#define HOSTSIM_GUEST_GDT_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// The guest's GDT (ABI.md §3.7, §4.4).
class GuestGdt {
 public:
  // The boot state: entries 12 and 13, flat 4 GB code and data at ring 1.
  GuestGdt();

  // LOAD_GDT: copies `count` descriptors at `table` to the first entries. Fails with Aborted if
  // `count` is above 32 or the table is not in guest memory.
  absl::Status Load(const GuestMemory& memory, GuestPhys table, uint32_t count);

  // LOAD_GDT_ENTRY (VIRTIO_ABI.md §4.3). Fails with Aborted if `entry` is above 31.
  absl::Status LoadEntry(uint32_t entry, uint64_t descriptor);

  // LOAD_TLS: copies 3 descriptors to the entries 6 to 8. Fails like Load().
  absl::Status LoadTls(const GuestMemory& memory, GuestPhys table);

  // The same for 3 descriptors that an accelerator has already loaded.
  void SetTls(std::span<const uint64_t, kTlsEntries> descriptors);

  // True if a handler of the guest kernel may run with `selector` in %ss or %cs. A processor faults
  // when it loads another selector. Vcpu::Set() makes no checks, so another selector could change
  // the privilege level.
  bool IsRing1Stack(uint16_t selector) const;
  bool IsRing1Code(uint16_t selector) const;

  // The sanitized descriptors, for Vcpu::SetGdt().
  std::span<const uint64_t, kGdtEntries> descriptors() const { return gdt_; }

 private:
  bool IsRing1(uint16_t selector, uint32_t type_mask, uint32_t type) const;
  absl::Status Copy(const GuestMemory& memory, GuestPhys table, std::span<uint64_t> to);

  std::array<uint64_t, kGdtEntries> gdt_ = {};
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_GUEST_GDT_H_
