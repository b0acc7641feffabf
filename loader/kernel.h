// A kernel image of any kind -> guest memory.

#ifndef LOADER_KERNEL_H_
#define LOADER_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/layout.h"

namespace lguest::loader {

// The bytes of a kernel's file.
struct KernelFile {
  absl::string_view name;  // for messages
  std::span<const std::byte> bytes;
  int fd = -1;  // of the same file, to be mapped from; -1: there is none, bytes are copied
};

// Where it is to go.
struct Room {
  uint32_t ram_size = 0;  // bytes, a multiple of the page size
  Part initrd;            // size 0: there is none
};

struct LoadedKernel {
  Layout layout;  // checked; only the kernel has been written so far
  GuestVirt entry;
  std::vector<std::string> notes;
};

// Lays everything out and puts the kernel into fresh guest memory. Errors as in LoadGuest().
absl::StatusOr<LoadedKernel> LoadKernel(GuestMemory& memory, const KernelFile& file,
                                        const Room& room);

}  // namespace lguest::loader

#endif  // LOADER_KERNEL_H_
