#include "loader/kernel.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "loader/elf_image.h"
#include "loader/entry_point.h"
#include "loader/link_address.h"
#include "loader/page_offset.h"
#include "loader/page_tables.h"
#include "loader/segment.h"
#include "loader/usable_ram.h"

namespace lguest::loader {
namespace {

absl::Status Annotate(std::string_view name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

// `image`: the unpacked kernel.
absl::StatusOr<Layout> PlanKernel(const KernelFile& file, std::span<const std::byte> image,
                                  const LoadTarget& target, std::vector<Part> kernel,
                                  uint32_t page_offset) {
  if (auto status = CheckPageOffset(page_offset); !status.ok()) {
    return Annotate(file.name, status);
  }
  return PlanLayout({.ram_size = UsableRam(image, page_offset, target.ram_size),
                     .kernel = std::move(kernel),
                     .initrd = target.initrd,
                     .page_offset = page_offset});
}

absl::StatusOr<LoadedKernel> LoadElf(GuestMemory& memory, const KernelFile& file,
                                     const LoadTarget& target) {
  ASSIGN_OR_RETURN(const ElfImage elf, ParseElf(file.bytes, file.name));
  LoadedKernel loaded;
  std::vector<Part> parts;
  for (const Segment& segment : elf.segments) {
    parts.push_back({absl::StrCat(file.name, " segment ", segment.number), segment.address.value(),
                     segment.memory_size});
    loaded.notes.push_back(absl::StrFormat("Section %u: size %u addr %#x", segment.number,
                                           segment.memory_size, segment.address.value()));
  }
  ASSIGN_OR_RETURN(Layout layout,
                   PlanKernel(file, file.bytes, target, std::move(parts), elf.page_offset));
  loaded.layout = layout;
  for (const Segment& segment : elf.segments) {
    auto status = PlaceSegment(memory, segment, file.bytes);
    if (!status.ok()) return Annotate(file.name, status);
  }
  ASSIGN_OR_RETURN(const GuestVirt entry,
                   FindEntryPoint(memory, LoadedRanges(elf), elf.page_offset, file.name));
  loaded.entry = entry;
  return loaded;
}

// Where the bare kernel `code`, which lies at `address`, must lie. Before protocol 2.10 a bzImage
// does not say that, and `address` is only the usual one.
absl::StatusOr<LinkPlace> PlaceBareKernel(std::span<const std::byte> code, GuestPhys address,
                                          bool is_placed, std::string_view name) {
  ASSIGN_OR_RETURN(const uint32_t page_offset, InferPageOffset(code, address.value(), name));
  if (is_placed) return LinkPlace{.page_offset = page_offset, .load_address = address.value()};
  ASSIGN_OR_RETURN(const uint32_t link_address, InferLinkAddress(code, name));
  return DivideLinkAddress(link_address, static_cast<uint32_t>(code.size()), page_offset, name);
}

// Moves `from` in guest memory. It must stay below `limit`.
absl::Status MoveKernel(GuestMemory& memory, const GuestRange& from, GuestPhys to, uint32_t limit,
                        const LoadTarget& target, std::string_view name) {
  if (from.address == to) return absl::OkStatus();
  const Part moved = {absl::StrCat(name, " unpacked"), to.value(), from.size};
  if (moved.end() > limit) return KernelDoesNotFit(moved, target.ram_size, target.initrd);
  ASSIGN_OR_RETURN(const std::span<std::byte> old_place,
                   memory.MutableRange(from.address, from.size));
  const std::vector<std::byte> contents(old_place.begin(), old_place.end());
  std::fill(old_place.begin(), old_place.end(), std::byte{});
  memory.NotifyWritten(from.address, from.size);
  return memory.WriteBytes(to, contents);
}

absl::StatusOr<LoadedKernel> LoadPacked(GuestMemory& memory, const KernelFile& file,
                                        const LoadTarget& target) {
  ASSIGN_OR_RETURN(const uint32_t limit, KernelLimit(target.ram_size, target.initrd));
  ASSIGN_OR_RETURN(const UnpackedKernel kernel, UnpackKernel(memory, file, target, limit));
  if (!kernel.elf.empty()) return LoadElf(memory, {file.name, kernel.elf}, target);

  GuestRange range = kernel.raw;
  ASSIGN_OR_RETURN(std::span<const std::byte> code, memory.Range(range.address, range.size));
  ASSIGN_OR_RETURN(const LinkPlace place,
                   PlaceBareKernel(code, range.address, kernel.is_placed, file.name));
  const GuestPhys address(place.load_address);
  RETURN_IF_ERROR(MoveKernel(memory, range, address, limit, target, file.name));
  range.address = address;
  ASSIGN_OR_RETURN(code, memory.Range(range.address, range.size));
  ASSIGN_OR_RETURN(
      Layout layout,
      PlanKernel(file, code, target,
                 {{absl::StrCat(file.name, " unpacked"), range.address.value(), range.size}},
                 place.page_offset));
  ASSIGN_OR_RETURN(const GuestVirt entry,
                   FindEntryPoint(memory, std::span(&range, 1), place.page_offset, file.name));
  return LoadedKernel{
      layout,
      entry,
      {absl::StrFormat("Unpacked size %u addr %#x", range.size, range.address.value())}};
}

}  // namespace

absl::StatusOr<LoadedKernel> LoadKernel(GuestMemory& memory, const KernelFile& file,
                                        const LoadTarget& target) {
  if (LooksLikeElf(file.bytes)) return LoadElf(memory, file, target);
  return LoadPacked(memory, file, target);
}

}  // namespace lguest::loader
