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

uint32_t FaultCode(Access access, bool user) {
  return (access == Access::kWrite ? kFaultWrite : 0) | (user ? kFaultUser : 0);
}

// The last step of a walk. `pde`: the entry that led to the table with `pte`, which is present.
Translation WalkTable(GuestMemory& memory, const PageTables& tables, Entry& pde, Entry& pte,
                      Access access, bool user, bool sets_bits) {
  using Result = Translation::Result;
  if ((pte.Value() & tables.bad_table_entry_flags) != 0) return Bad(Result::kBadTableEntry);
  if (!memory.Contains(pte.Frame(), kPageSize)) {
    return {.result = Result::kBadTableEntry, .frame = pte.Frame()};
  }
  const uint32_t rights = pde.Value() & pte.Value();
  const bool may_write = (rights & kEntryWritable) != 0;
  if ((user && (rights & kEntryUser) == 0) || (access == Access::kWrite && !may_write)) {
    return Fault(FaultCode(access, user) | kFaultProtection);
  }
  if (sets_bits) {
    pde.SetBits(kEntryAccessed);
    pte.SetBits(access == Access::kWrite ? kEntryAccessed | kEntryDirty : kEntryAccessed);
  }
  // A clean page is not `writable`: the first write must walk again, to set the dirty bit.
  return {.result = Result::kMapped,
          .frame = pte.Frame(),
          .writable = may_write && pte.Has(kEntryDirty)};
}

Translation WalkTwoLevels(GuestMemory& memory, const PageTables& tables, GuestVirt address,
                          Access access, bool user, bool sets_bits) {
  using Result = Translation::Result;
  const uint32_t virt = address.value();
  const uint32_t root = PageAlignDown(tables.directory.value());
  if (!memory.Contains(GuestPhys(root), kPageSize)) return Bad(Result::kBadDirectoryEntry);
  Entry pde(memory, root, virt >> kDirectoryShift);
  if (!pde.Has(kEntryPresent)) return Fault(FaultCode(access, user));
  if ((pde.Value() & kBadDirectoryEntryFlags) != 0 || !memory.Contains(pde.Frame(), kPageSize)) {
    return Bad(Result::kBadDirectoryEntry);
  }
  Entry pte(memory, pde.Frame().value(), (virt >> kPageShift) % kEntriesPerTable);
  if (!pte.Has(kEntryPresent)) return Fault(FaultCode(access, user));
  return WalkTable(memory, tables, pde, pte, access, user, sets_bits);
}

// A PAE entry is two words. The guest has less than 4 GB, and no NX, so that any bit in the upper
// word of a present entry names a frame outside of its memory.
bool HasUpperWord(const GuestMemory& memory, uint32_t table, uint32_t index) {
  return memory.Fetch<uint32_t>(GuestPhys(table + index * kPaeEntrySize + 4)) != 0;
}

Translation WalkPae(GuestMemory& memory, const PageTables& tables, GuestVirt address, Access access,
                    bool user, bool sets_bits) {
  using Result = Translation::Result;
  constexpr uint32_t kWords = kPaeEntrySize / sizeof(uint32_t);  // `Entry` counts words
  const uint32_t virt = address.value();
  const uint32_t root = PaeDirectory(tables.directory);
  if (!memory.Contains(GuestPhys(root), kPaeTopEntries * kPaeEntrySize)) {
    return Bad(Result::kBadDirectoryEntry);
  }
  const uint32_t top_index = virt >> kPaeTopShift;
  const Entry top(memory, root, top_index * kWords);
  if (!top.Has(kEntryPresent)) return Fault(FaultCode(access, user));
  if ((top.Value() & kBadPaeTopEntryFlags) != 0 || HasUpperWord(memory, root, top_index) ||
      !memory.Contains(top.Frame(), kPageSize)) {
    return Bad(Result::kBadDirectoryEntry);
  }
  const uint32_t middle = top.Frame().value();
  const uint32_t middle_index = (virt >> kPaeMiddleShift) % kPaeEntriesPerTable;
  Entry pde(memory, middle, middle_index * kWords);
  if (!pde.Has(kEntryPresent)) return Fault(FaultCode(access, user));
  if ((pde.Value() & kBadDirectoryEntryFlags) != 0 || HasUpperWord(memory, middle, middle_index) ||
      !memory.Contains(pde.Frame(), kPageSize)) {
    return Bad(Result::kBadDirectoryEntry);
  }
  const uint32_t table = pde.Frame().value();
  const uint32_t table_index = (virt >> kPageShift) % kPaeEntriesPerTable;
  Entry pte(memory, table, table_index * kWords);
  if (!pte.Has(kEntryPresent)) return Fault(FaultCode(access, user));
  if (HasUpperWord(memory, table, table_index)) return Bad(Result::kBadTableEntry);
  return WalkTable(memory, tables, pde, pte, access, user, sets_bits);
}

// `sets_bits`: accessed and dirty bits, like a processor.
Translation Walk(GuestMemory& memory, const PageTables& tables, GuestVirt address, Access access,
                 bool user, bool sets_bits) {
  switch (tables.format) {
    case PagingFormat::kTwoLevel:
      return WalkTwoLevels(memory, tables, address, access, user, sets_bits);
    case PagingFormat::kPae:
      return WalkPae(memory, tables, address, access, user, sets_bits);
    case PagingFormat::kNone:
      break;
  }
  const GuestPhys frame(PageAlignDown(address.value()));
  if (!memory.Contains(frame, kPageSize)) return Fault(FaultCode(access, user));
  return {.result = Translation::Result::kMapped, .frame = frame, .writable = true};
}

}  // namespace

Translation WalkPageTables(GuestMemory& memory, const PageTables& tables, GuestVirt address,
                           Access access, bool user) {
  return Walk(memory, tables, address, access, user, /*sets_bits=*/true);
}

std::optional<GuestPhys> PeekPageTables(GuestMemory& memory, const PageTables& tables,
                                        GuestVirt address) {
  const Translation walked =
      Walk(memory, tables, address, Access::kRead, /*user=*/false, /*sets_bits=*/false);
  if (walked.result != Translation::Result::kMapped) return std::nullopt;
  return walked.frame;
}

}  // namespace lguest::hostsim
