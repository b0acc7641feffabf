// Kernels as ELF executables: what is to be loaded where (ABI.md §3.1).

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
  std::vector<Segment> segments;  // at least one; in the file's order, none without memory
  uint32_t page_offset = 0;       // virtual minus physical address of every segment

  // Where section headers say that boot code was loaded, inside the segments' data. Only a hint.
  std::vector<GuestRange> boot_code;
};

// True for what calls itself ELF, however broken.
bool LooksLikeElf(std::span<const std::byte> image);

// Reads headers only. Fails with InvalidArgument, naming `name`, the field and both numbers, unless
// `image` is a little-endian i386 executable whose segments lie inside it and below 4 GB and share
// one difference of virtual and physical address. Whether they fit into a guest is the layout's
// question.
absl::StatusOr<ElfImage> ParseElf(std::span<const std::byte> image, std::string_view name);

// What the file provides of guest memory, likeliest place of the entry point first: boot code, then
// code, then the rest.
std::vector<GuestRange> LoadedRanges(const ElfImage& elf);

}  // namespace lguest::loader

#endif  // LOADER_ELF_IMAGE_H_
