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
    kBadDirectoryEntry,  // present, with flags or a frame that no guest may use
    kBadTableEntry,
  };

  Result result = Result::kFault;
  GuestPhys frame;
  bool writable = false;  // a later write needs no walk: the entry allows it and is dirty
  uint32_t error_code = 0;
};

// Translates `address` for one access by ring 3 (`user`) or by the guest's kernel, for which a
// read-only page is read-only too (CR0.WP). Sets the accessed and dirty bits of the entries it
// used, as the processor does.
//
// Reads each entry once, and checks `directory` and each frame against the size of `memory`.
// Ignores the low 12 bits of `directory`. Does not check an entry that is not present (ABI.md
// §4.5).
Translation WalkPageTables(GuestMemory& memory, GuestPhys directory, GuestVirt address,
                           Access access, bool user);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_PAGE_WALK_H_
