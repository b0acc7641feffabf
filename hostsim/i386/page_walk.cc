#include "hostsim/i386/page_walk.h"

#include "hostsim/i386/constants.h"

namespace lguest::hostsim {
namespace {

// One entry of a page table or directory. The constructor reads it once. The caller has checked
// that the table lies in guest memory.
class Entry {
 public:
  Entry(GuestMemory& memory, uint32_t table, uint32_t index)
      : memory_(memory),
        address_(table + index * uint32_t{sizeof(uint32_t)}),
        value_(memory.Fetch<uint32_t>(address_)) {}

  uint32_t Value() const { return value_; }
  bool Has(uint32_t bits) const { return (value_ & bits) == bits; }
  GuestPhys Frame() const { return GuestPhys(PageAlignDown(value_)); }

  void SetBits(uint32_t bits) {
    if (Has(bits)) return;
    value_ |= bits;
    memory_.StoreUnobserved(address_, value_);
  }

 private:
  GuestMemory& memory_;
  const GuestPhys address_;
  uint32_t value_;
};

Translation Fault(uint32_t error_code) {
  Translation fault;
  fault.error_code = error_code;
  return fault;
}

Translation Bad(Translation::Result result) {
  Translation bad;
  bad.result = result;
  return bad;
}

}  // namespace

Translation WalkPageTables(GuestMemory& memory, GuestPhys directory, GuestVirt address,
                           Access access, bool user) {
  using Result = Translation::Result;
  const uint32_t virt = address.value();
  const uint32_t fault = (access == Access::kWrite ? kFaultWrite : 0) | (user ? kFaultUser : 0);

  const uint32_t root = PageAlignDown(directory.value());
  if (!memory.Contains(GuestPhys(root), kPageSize)) return Bad(Result::kBadDirectoryEntry);
  Entry pde(memory, root, virt >> kDirectoryShift);
  if (!pde.Has(kEntryPresent)) return Fault(fault);
  if ((pde.Value() & kBadDirectoryEntryFlags) != 0 || !memory.Contains(pde.Frame(), kPageSize)) {
    return Bad(Result::kBadDirectoryEntry);
  }

  Entry pte(memory, pde.Frame().value(), (virt >> kPageShift) % kEntriesPerTable);
  if (!pte.Has(kEntryPresent)) return Fault(fault);
  if ((pte.Value() & kBadTableEntryFlags) != 0 || !memory.Contains(pte.Frame(), kPageSize)) {
    return Bad(Result::kBadTableEntry);
  }

  const uint32_t rights = pde.Value() & pte.Value();
  const bool may_write = (rights & kEntryWritable) != 0;
  if ((user && (rights & kEntryUser) == 0) || (access == Access::kWrite && !may_write)) {
    return Fault(fault | kFaultProtection);
  }

  pde.SetBits(kEntryAccessed);
  pte.SetBits(access == Access::kWrite ? kEntryAccessed | kEntryDirty : kEntryAccessed);
  // A clean page is not `writable`: the first write must walk again, to set the dirty bit.
  return {.result = Result::kMapped,
          .frame = pte.Frame(),
          .writable = may_write && pte.Has(kEntryDirty),
          .error_code = 0};
}

}  // namespace lguest::hostsim
