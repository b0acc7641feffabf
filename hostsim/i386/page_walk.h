// Walks the i386 page tables that a guest keeps in its own memory.

#ifndef HOSTSIM_I386_PAGE_WALK_H_
#define HOSTSIM_I386_PAGE_WALK_H_

#include <cstdint>
#include <optional>

#include "hostsim/i386/constants.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

enum class Access : uint8_t { kRead, kWrite, kExecute };

enum class PagingFormat : uint8_t {
  kTwoLevel,
  kPae,   // VIRTIO_ABI.md §4.4
  kNone,  // a virtual address is the guest-physical address (VIRTIO_ABI.md §2.3)
};

struct PageTables {
  GuestPhys directory;  // ignored without paging
  PagingFormat format = PagingFormat::kTwoLevel;
  uint32_t bad_table_entry_flags = kBadTableEntryFlags;
};

struct Translation {
  enum class Result : uint8_t {
    kMapped,             // frame, writable
    kFault,              // error_code: of the page fault
    kBadDirectoryEntry,  // a present entry has bad flags or a bad frame (ABI.md §4.5)
    kBadTableEntry,      // frame: of the entry, if its flags are good
  };

  Result result = Result::kFault;
  GuestPhys frame;
  bool writable = false;  // a later write needs no walk: the entry allows it and is dirty
  uint32_t error_code = 0;
};

// Translates `address` for one access by ring 3 (`user`) or by the guest kernel. CR0.WP is set, so
// the kernel cannot write to a read-only page, either (ABI.md §4.16). Sets the accessed and dirty
// bits of the entries like a processor.
//
// Reads each entry once, and checks the directory and each frame against the size of `memory`.
// Ignores the low bits of the directory's address: 12, or 5 of a PAE directory. Does not check an
// entry that is not present (ABI.md §4.5).
Translation WalkPageTables(GuestMemory& memory, const PageTables& tables, GuestVirt address,
                           Access access, bool user);

// The frame of the page at `address`, which changes no entry; nullopt if a read by the guest's
// kernel would fault.
std::optional<GuestPhys> PeekPageTables(GuestMemory& memory, const PageTables& tables,
                                        GuestVirt address);

// The address of the top entry of a PAE directory.
constexpr uint32_t PaeDirectory(GuestPhys directory) { return directory.value() & ~31u; }

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_PAGE_WALK_H_
