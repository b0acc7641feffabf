// Walks the two-level i386 page tables that a guest keeps in its own memory.

#ifndef HOSTSIM_I386_PAGE_WALK_H_
#define HOSTSIM_I386_PAGE_WALK_H_

#include <cstdint>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

enum class Access : uint8_t { kRead, kWrite, kExecute };

// Bits of a page fault's error code.
inline constexpr uint32_t kFaultProtection = 1;  // the page is there, the right is not
inline constexpr uint32_t kFaultWrite = 2;
inline constexpr uint32_t kFaultUser = 4;

struct Translation {
  enum class Result : uint8_t {
    kMapped,             // frame, writable
    kPageFault,          // error_code
    kBadDirectoryEntry,  // present, with flags or a frame that no guest may use
    kBadTableEntry,
  };

  Result result = Result::kPageFault;
  GuestPhys frame;
  bool writable =
      false;  // a later write needs no walk: it is allowed, and the entry is marked dirty
  uint32_t error_code = 0;
};

// Translates `address` for one access by ring 3 (`user`) or by the guest's kernel, for which a
// read-only page is read-only too (CR0.WP). Sets the accessed and dirty bits of the entries it
// used, as the processor does.
//
// Each entry is read once, and everything it names is checked against the size of `memory`, as is
// `directory`, of which the low 12 bits are ignored. An entry that is not present is not looked at
// further. (ABI.md §4.5.)
Translation WalkPageTables(GuestMemory& memory, GuestPhys directory, GuestVirt address,
                           Access access, bool user);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_PAGE_WALK_H_
