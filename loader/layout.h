// The initial layout of guest memory (ABI.md §3).
//
//   0        boot parameters
//   4096     command line
//   ...      kernel, at the addresses in its file
//   ...      page tables, page directory
//   ...      initrd, up to the top of RAM or of what the kernel's linear map can reach
//   RAM size device pages, not written by the loader
//
// The whole layout is planned and checked before anything is written.

#ifndef LOADER_LAYOUT_H_
#define LOADER_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "loader/page_tables.h"

namespace lguest::loader {

// A range of memory before it is checked, therefore with 64 bits.
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
  std::vector<Part> kernel;  // at the addresses in the kernel file
  Part initrd;               // size 0: none; `start` is ignored
  uint32_t page_offset = 0;  // CheckPageOffset() has accepted it
  GuestStart start = GuestStart::kVirtual;
};

struct Layout {
  uint32_t ram_size = 0;  // as in the request
  PageTablePlan page_tables;
  GuestPhys initrd;
};

// OutOfRange, with both parts and the memory size that is needed, when a part does not fit into
// `ram_size` bytes; InvalidArgument when no memory size is large enough.
absl::StatusOr<Layout> PlanLayout(const LayoutRequest& request);

// An exclusive upper limit of a kernel's addresses, for the unpacker, which does not know the page
// offset. PlanLayout() may allow less. OutOfRange when initrd and page tables alone do not fit.
absl::StatusOr<uint32_t> KernelLimit(uint32_t ram_size, const Part& initrd);

// The error for a kernel part that ends above its limit in `ram_size` bytes of memory. The end of
// `kernel` may be a lower bound.
absl::Status KernelDoesNotFit(const Part& kernel, uint32_t ram_size, const Part& initrd);

}  // namespace lguest::loader

#endif  // LOADER_LAYOUT_H_
