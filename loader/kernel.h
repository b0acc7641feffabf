// A kernel image of any kind -> guest memory.

#ifndef LOADER_KERNEL_H_
#define LOADER_KERNEL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/layout.h"
#include "loader/unpack.h"

namespace lguest::loader {

struct LoadedKernel {
  Layout layout;  // checked; only the kernel has been written so far
  GuestVirt entry;
  std::vector<std::string> notes;
};

// Lays everything out and puts the kernel into fresh guest memory. Errors as in LoadGuest().
absl::StatusOr<LoadedKernel> LoadKernel(GuestMemory& memory, const KernelFile& file,
                                        const LoadTarget& target);

}  // namespace lguest::loader

#endif  // LOADER_KERNEL_H_
