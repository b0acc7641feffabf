// The guest's segment descriptors, made safe.

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

  // LOAD_GDT: `count` descriptors at `table` replace the first ones. Aborted when there are more
  // than 32 or they do not lie in guest memory.
  absl::Status Load(const GuestMemory& memory, GuestPhys table, uint32_t count);

  // LOAD_TLS: 3 descriptors, entries 6 to 8.
  absl::Status LoadTls(const GuestMemory& memory, GuestPhys table);

  // The same, where a CPU has loaded them already.
  void SetTls(std::span<const uint64_t, kTlsEntries> descriptors);

  // Whether a handler of the guest's kernel may run with `selector` in %ss or %cs: the processor
  // would refuse another, and a CPU that is told to load it regardless would be at another
  // privilege level.
  bool IsRing1Stack(uint16_t selector) const;
  bool IsRing1Code(uint16_t selector) const;

  // What the CPU may be given.
  std::span<const uint64_t, kGdtEntries> descriptors() const { return gdt_; }

 private:
  bool IsRing1(uint16_t selector, uint32_t type_mask, uint32_t type) const;
  absl::Status Copy(const GuestMemory& memory, GuestPhys table, std::span<uint64_t> to);

  std::array<uint64_t, kGdtEntries> gdt_ = {};
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_GUEST_GDT_H_
