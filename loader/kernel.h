// Loads a kernel image of any supported format into guest memory.

#ifndef LOADER_KERNEL_H_
#define LOADER_KERNEL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"
#include "loader/layout.h"
#include "loader/segment.h"
#include "loader/unpack.h"

namespace lguest::loader {

struct LoadedKernel {
  Layout layout;  // only the kernel has been written to guest memory
  GuestVirt entry;
  std::vector<std::string> notes;
  std::vector<GuestRange> contents = {};  // all that has been written
  const GuestAbi* abi = &FirstGuestAbi();
  std::vector<std::byte> setup_header = {};  // of a bzImage that unpacks itself; empty: none
};

// Plans the layout and writes the kernel to `memory`, which must be all zeroes. Errors as in
// LoadGuest().
absl::StatusOr<LoadedKernel> LoadKernel(GuestMemory& memory, const KernelFile& file,
                                        const LoadTarget& target);

}  // namespace lguest::loader

#endif  // LOADER_KERNEL_H_
