// Walks the two-level i386 page tables that a guest keeps in its own memory.

#ifndef HOSTSIM_I386_PAGE_WALK_H_
#define HOSTSIM_I386_PAGE_WALK_H_

#include <cstdint>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

enum class Access : uint8_t { kRead, kWrite, kExecute };

struct Translation {
  enum class Result : uint8_t {
    kMapped,             // frame, writable
    kFault,              // error_code: of the page fault
    kBadDirectoryEntry,  // a present entry has bad flags or a bad frame (ABI.md §4.5)
    kBadTableEntry,
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
// Reads each entry once, and checks `directory` and each frame against the size of `memory`.
// Ignores the low 12 bits of `directory`. Does not check an entry that is not present (ABI.md
// §4.5).
Translation WalkPageTables(GuestMemory& memory, GuestPhys directory, GuestVirt address,
                           Access access, bool user);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_PAGE_WALK_H_
