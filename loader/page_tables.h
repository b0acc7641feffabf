// The initial page tables of a guest (ABI.md §3.6).

#ifndef LOADER_PAGE_TABLES_H_
#define LOADER_PAGE_TABLES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::loader {

// The bytes that one entry of the page directory maps. Page offsets are multiples of it.
inline constexpr uint32_t kBytesPerTable = 4u << 20;

// A linear map: virtual page_offset + x is guest-physical x.
struct PageTablePlan {
  bool exists = true;          // false: the guest starts without page tables
  bool maps_physical = false;  // virtual x below page_offset is guest-physical x, too
  uint32_t page_offset = 0;
  uint32_t mapped_pages = 0;  // from guest-physical 0
  uint32_t table_count = 0;   // page tables of one page each, the directory not counted
  GuestPhys tables;           // the first table; the others and the directory follow
  GuestPhys directory;
};

// Sizes a map of `ram_size` bytes, limited to the addresses below the host area at the top of the
// address space. The caller sets `tables` and `directory`. CheckPageOffset() has accepted
// `page_offset`.
PageTablePlan SizePageTables(uint32_t ram_size, uint32_t page_offset);

// InvalidArgument unless the offset is a multiple of 4 MB below the host area. 0 is valid: it
// belongs to a kernel that is linked at its load address.
absl::Status CheckPageOffset(uint32_t page_offset);

// Writes directory and tables, if they exist. OutOfRange when they lie outside guest memory.
absl::Status WritePageTables(GuestMemory& memory, const PageTablePlan& plan);

}  // namespace lguest::loader

#endif  // LOADER_PAGE_TABLES_H_
