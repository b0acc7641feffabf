#include "loader/kernel.h"

#include <algorithm>
#include <cstddef>
#include <optional>
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
#include "loader/kernel_version.h"
#include "loader/link_address.h"
#include "loader/page_offset.h"
#include "loader/page_tables.h"
#include "loader/segment.h"
#include "loader/setup_header.h"
#include "loader/usable_ram.h"

namespace lguest::loader {
namespace {

// Where kernels are linked unless their configuration says otherwise. Others reach more memory, so
// that what is in reach of this one is in their reach, too.
constexpr uint32_t kUsualPageOffset = 0xc0000000;

absl::Status Annotate(std::string_view name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

// `ram_size`: that the kernel can use.
absl::StatusOr<Layout> PlanKernel(uint32_t ram_size, const LoadTarget& target,
                                  std::vector<Part> kernel, uint32_t page_offset,
                                  GuestStart start) {
  return PlanLayout({.ram_size = ram_size,
                     .kernel = std::move(kernel),
                     .initrd = target.initrd,
                     .page_offset = page_offset,
                     .start = start});
}

// The RAM that the unpacked kernel `image` can use.
absl::StatusOr<uint32_t> RamOf(const KernelFile& file, std::span<const std::byte> image,
                               const LoadTarget& target, uint32_t page_offset,
                               const GuestAbi& abi) {
  if (auto status = CheckPageOffset(page_offset); !status.ok()) {
    return Annotate(file.name, status);
  }
  return UsableRam(image, page_offset, target.ram_size, abi.is_virtio());
}

absl::StatusOr<const GuestAbi*> AbiOfVersion(const KernelFile& file, const KernelVersion& version) {
  const GuestAbi* const abi = FindGuestAbi(version);
  if (abi != nullptr) return abi;
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: Linux %s has no lguest: 2.6.23 to 4.13 are needed", file.name, version.ToString()));
}

// The generation of an ELF kernel: the first one if it has the entry magic, or cannot be a later
// guest. FindEntryPoint() then says what is wrong with it.
absl::StatusOr<const GuestAbi*> AbiOfElf(const KernelFile& file, const ElfImage& elf) {
  std::vector<std::span<const std::byte>> loaded;
  for (const GuestRange& range : LoadedRanges(elf)) {
    for (const Segment& segment : elf.segments) {
      const uint32_t start = range.address.value() - segment.address.value();
      if (start > segment.file_size || range.size > segment.file_size - start) continue;
      loaded.push_back(
          file.bytes.subspan(static_cast<size_t>(segment.file_offset + start), range.size));
    }
  }
  for (const auto& bytes : loaded) {
    if (HasEntryMagic(bytes)) return &FirstGuestAbi();
  }
  for (const auto& bytes : loaded) {
    const auto version = FindKernelVersion(bytes);
    if (!version.has_value()) continue;
    const bool is_guest = std::any_of(loaded.begin(), loaded.end(), HasGuestEntry);
    return is_guest ? AbiOfVersion(file, *version) : &FirstGuestAbi();
  }
  return &FirstGuestAbi();
}

absl::StatusOr<LoadedKernel> LoadElf(GuestMemory& memory, const KernelFile& file,
                                     const LoadTarget& target) {
  ASSIGN_OR_RETURN(const ElfImage elf, ParseElf(file.bytes, file.name));
  LoadedKernel loaded;
  ASSIGN_OR_RETURN(loaded.abi, AbiOfElf(file, elf));
  std::vector<Part> parts;
  for (const Segment& segment : elf.segments) {
    parts.push_back({absl::StrCat(file.name, " segment ", segment.number), segment.address.value(),
                     segment.memory_size});
    loaded.notes.push_back(absl::StrFormat("Section %u: size %u addr %#x", segment.number,
                                           segment.memory_size, segment.address.value()));
  }
  ASSIGN_OR_RETURN(const uint32_t ram,
                   RamOf(file, file.bytes, target, elf.page_offset, *loaded.abi));
  ASSIGN_OR_RETURN(Layout layout,
                   PlanKernel(ram, target, std::move(parts), elf.page_offset, loaded.abi->start));
  loaded.layout = layout;
  for (const Segment& segment : elf.segments) {
    auto status = PlaceSegment(memory, segment, file.bytes);
    if (!status.ok()) return Annotate(file.name, status);
    loaded.contents.push_back({segment.address, segment.file_size});
  }
  if (loaded.abi->start != GuestStart::kVirtual) {
    loaded.entry = GuestVirt(elf.entry);
    return loaded;
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

// The packed kernel in a bzImage; empty if the header does not say where it is.
std::span<const std::byte> PayloadOf(const KernelFile& file, const SetupHeader& header) {
  if (!header.payload.has_value() || header.payload->offset > file.bytes.size()) return {};
  const std::span<const std::byte> from =
      file.bytes.subspan(static_cast<size_t>(header.payload->offset));
  return from.first(static_cast<size_t>(std::min<uint64_t>(from.size(), header.payload->size)));
}

// A bzImage that unpacks itself in the guest (VIRTIO_ABI.md §2.1).
absl::StatusOr<LoadedKernel> LoadSelfUnpacking(GuestMemory& memory, const KernelFile& file,
                                               const LoadTarget& target, const SetupHeader& header,
                                               const GuestAbi& abi) {
  if (header.code_offset >= file.bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: setup_sects: the code starts at byte %u, but the file has %u",
                        file.name, header.code_offset, file.bytes.size()));
  }
  if (header.is_64_bit) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.name, ": a 64-bit kernel: a 32-bit kernel is needed"));
  }
  if (header.load_address > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: pref_address %#x is beyond 4 GB", file.name, header.load_address));
  }
  const std::span<const std::byte> code =
      file.bytes.subspan(static_cast<size_t>(header.code_offset));
  // It moves and unpacks itself inside this range, so that nothing else may be there.
  Part part = {absl::StrCat(file.name, " with the memory to unpack it"), kDefaultLoadAddress,
               code.size()};
  if (header.init_size != 0) {
    part.size = std::max(part.end(), header.load_address + header.init_size) - part.start;
  }
  const uint32_t ram =
      UsableRamOfPacked(PayloadOf(file, header), kUsualPageOffset, target.ram_size);
  ASSIGN_OR_RETURN(Layout layout, PlanKernel(ram, target, {part}, kUsualPageOffset, abi.start));
  RETURN_IF_ERROR(memory.WriteBytes(GuestPhys(kDefaultLoadAddress), code));
  const std::span<const std::byte> setup = SetupHeaderBytes(file.bytes);
  return LoadedKernel{
      .layout = layout,
      .entry = GuestVirt(header.code_start),
      .notes = {absl::StrFormat("Packed size %u addr %#x", code.size(),
                                uint64_t{kDefaultLoadAddress})},
      .contents = {{GuestPhys(kDefaultLoadAddress), static_cast<uint32_t>(code.size())}},
      .abi = &abi,
      .setup_header = {setup.begin(), setup.end()}};
}

absl::StatusOr<LoadedKernel> LoadPacked(GuestMemory& memory, const KernelFile& file,
                                        const LoadTarget& target) {
  const std::optional<SetupHeader> header = ReadSetupHeader(file.bytes);
  if (header.has_value()) {
    const auto version = ParseKernelVersion(header->kernel_version);
    const GuestAbi* const abi = version.has_value() ? FindGuestAbi(*version) : nullptr;
    if (abi != nullptr && abi->is_virtio()) {
      return LoadSelfUnpacking(memory, file, target, *header, *abi);
    }
  }
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
  ASSIGN_OR_RETURN(const uint32_t ram,
                   RamOf(file, code, target, place.page_offset, FirstGuestAbi()));
  ASSIGN_OR_RETURN(
      Layout layout,
      PlanKernel(ram, target,
                 {{absl::StrCat(file.name, " unpacked"), range.address.value(), range.size}},
                 place.page_offset, GuestStart::kVirtual));
  ASSIGN_OR_RETURN(const GuestVirt entry,
                   FindEntryPoint(memory, std::span(&range, 1), place.page_offset, file.name));
  return LoadedKernel{
      .layout = layout,
      .entry = entry,
      .notes = {absl::StrFormat("Unpacked size %u addr %#x", range.size, range.address.value())}};
}

}  // namespace

absl::StatusOr<LoadedKernel> LoadKernel(GuestMemory& memory, const KernelFile& file,
                                        const LoadTarget& target) {
  if (LooksLikeElf(file.bytes)) return LoadElf(memory, file, target);
  return LoadPacked(memory, file, target);
}

}  // namespace lguest::loader
