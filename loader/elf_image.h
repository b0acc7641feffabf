// Parses kernels in ELF format (ABI.md §3.1).

#ifndef LOADER_ELF_IMAGE_H_
#define LOADER_ELF_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "loader/segment.h"

namespace lguest::loader {

struct ElfImage {
  std::vector<Segment> segments;  // at least one, in file order; none has memory_size 0
  uint32_t page_offset = 0;       // virtual minus physical address of every segment
  uint32_t entry = 0;             // e_entry

  // The address ranges of boot code (.init.text), inside the segments' data. Section headers may be
  // wrong, so this is only a hint.
  std::vector<GuestRange> boot_code;
};

// True when `image` starts with the ELF magic, even if it is malformed.
bool LooksLikeElf(std::span<const std::byte> image);

// Reads only headers. InvalidArgument, with `name`, the field and both numbers, unless `image` is a
// little-endian i386 executable whose segments lie inside the file and below 4 GB and have the same
// difference of virtual and physical address. PlanLayout() checks that they fit into the guest.
absl::StatusOr<ElfImage> ParseElf(std::span<const std::byte> image, std::string_view name);

// The guest memory that the file provides, in the order in which to search for the entry point:
// boot code, then code, then other data.
std::vector<GuestRange> LoadedRanges(const ElfImage& elf);

}  // namespace lguest::loader

#endif  // LOADER_ELF_IMAGE_H_
