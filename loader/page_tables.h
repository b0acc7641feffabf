// The page tables that a guest starts with (ABI.md §3.6).

#ifndef LOADER_PAGE_TABLES_H_
#define LOADER_PAGE_TABLES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::loader {

// What one entry of the page directory maps; page offsets are multiples of it.
inline constexpr uint32_t kBytesPerTable = 4u << 20;

// A linear map: virtual page_offset + x is guest-physical x.
struct PageTablePlan {
  uint32_t page_offset = 0;
  uint32_t mapped_pages = 0;  // from guest-physical 0
  uint32_t table_count = 0;   // page tables of one page each, the directory not counted
  GuestPhys tables;           // the first one; the others and the directory follow it
  GuestPhys directory;
};

// Sizes a map of `ram_size` bytes, or as much of it as lies below the host's own area at the top of
// the address space; where it lies remains to be filled in. `page_offset` has passed
// CheckPageOffset().
PageTablePlan SizePageTables(uint32_t ram_size, uint32_t page_offset);

// InvalidArgument unless the offset is a multiple of 4 MB below the host's area. `page_offset` 0,
// for a kernel linked where it is loaded, is a good one.
absl::Status CheckPageOffset(uint32_t page_offset);

// Writes directory and tables. OutOfRange when they lie outside of guest memory.
absl::Status WritePageTables(GuestMemory& memory, const PageTablePlan& plan);

}  // namespace lguest::loader

#endif  // LOADER_PAGE_TABLES_H_
