// What a kernel is loaded from and into.

#ifndef LOADER_KERNEL_FILE_H_
#define LOADER_KERNEL_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"
#include "loader/layout.h"

namespace lguest::loader {

// The bytes of a kernel's file.
struct KernelFile {
  absl::string_view name;  // for messages
  std::span<const std::byte> bytes;
  int fd = -1;  // of the same file, to be mapped from; -1: there is none, bytes are copied
};

// Where it is to go.
struct LoadTarget {
  uint32_t ram_size = 0;  // bytes, a multiple of the page size
  Part initrd;            // size 0: there is none
};

}  // namespace lguest::loader

#endif  // LOADER_KERNEL_FILE_H_
