// Which part of a guest's memory holds what before it starts (ABI.md §3).
//
//   0        boot parameters
//   4096     command line
//   ...      kernel, where it wants to be
//   ...      page tables, page directory
//   ...      initrd, up to the top of RAM
//   RAM size device pages, not the loader's
//
// Everything is laid out and checked first, and written afterwards.

#ifndef LOADER_LAYOUT_H_
#define LOADER_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "loader/page_tables.h"

namespace lguest::loader {

// Something that needs its place in memory. 64 bits wide: nothing has been checked yet.
struct Part {
  std::string name;  // for messages
  uint64_t start = 0;
  uint64_t size = 0;  // bytes

  uint64_t end() const { return start + size; }
};

// The memory that a kernel is loaded into.
struct LoadTarget {
  uint32_t ram_size = 0;  // bytes, a multiple of the page size
  Part initrd;            // size 0: none
};

struct LayoutRequest {
  uint32_t ram_size = 0;     // bytes, a multiple of the page size
  std::vector<Part> kernel;  // placed by the kernel's file
  Part initrd;               // size 0: there is none; its start is chosen here
  uint32_t page_offset = 0;  // has passed CheckPageOffset()
};

struct Layout {
  PageTablePlan page_tables;
  GuestPhys initrd;
};

// OutOfRange, naming both parts and the memory size that would do, when something does not fit into
// that much memory; InvalidArgument when no memory size would help.
absl::StatusOr<Layout> PlanLayout(const LayoutRequest& request);

// How far a kernel may reach whatever its page offset turns out to be: to be known before a kernel
// is unpacked. OutOfRange when initrd and page tables alone do not fit.
absl::StatusOr<uint32_t> KernelLimit(uint32_t ram_size, const Part& initrd);

// The error for a kernel part that ends behind where it may in `ram_size` bytes of memory. Its end
// need not be exact: at least that much is needed.
absl::Status KernelDoesNotFit(const Part& kernel, uint32_t ram_size, const Part& initrd);

}  // namespace lguest::loader

#endif  // LOADER_LAYOUT_H_
