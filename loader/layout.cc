#include "loader/layout.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "loader/boot_params.h"

namespace lguest::loader {
namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;

// The size of the page tables that map `ram_size` bytes, plus the directory. An upper limit for any
// page offset.
constexpr uint64_t MostPageTableBytes(uint64_t ram_size) {
  return ((ram_size + kBytesPerTable - 1) / kBytesPerTable + 1) * kPageSize;
}

// The smallest memory size, in MB, that has room for the parts below `low_end` and for initrd and
// page tables at the top; nullopt when the address space is too small.
std::optional<uint64_t> MegabytesNeeded(uint64_t low_end, const Part& initrd) {
  const uint64_t fixed = PageAlignUp(low_end) + PageAlignUp(initrd.size);
  uint64_t size = 0;
  uint64_t needed = fixed;
  // Converges fast: page tables need a thousandth of the added memory.
  while (size < needed) {
    size = (needed + kMegabyte - 1) / kMegabyte * kMegabyte;
    if (size >= kHostAreaStart) return std::nullopt;
    needed = fixed + MostPageTableBytes(size);
  }
  return size / kMegabyte;
}

std::string FormatSize(uint64_t bytes) {
  return bytes % kMegabyte == 0 ? absl::StrCat(bytes / kMegabyte, " MB")
                                : absl::StrCat(bytes / 1024, " KB");
}

std::string Describe(const Part& part) {
  return absl::StrFormat("%s (0x%x to 0x%x)", part.name, part.start, part.end());
}

// `problem`: the start of the message, up to the memory size.
absl::Status DoesNotFit(std::string_view problem, uint32_t ram_size, uint64_t low_end,
                        const Part& initrd) {
  const std::optional<uint64_t> needed = MegabytesNeeded(low_end, initrd);
  if (!needed.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        problem, " ", FormatSize(ram_size), " of memory, and no memory size is large enough"));
  }
  return absl::OutOfRangeError(absl::StrCat(problem, " ", FormatSize(ram_size),
                                            " of memory: at least ", *needed, " MB are needed"));
}

std::vector<Part> ReservedParts() {
  return {{"boot parameters", kBootParamsAddress.value(), kBootParamsSize},
          {"command line", kCommandLineAddress.value(), kCommandLineSize}};
}

uint64_t EndOf(const std::vector<Part>& parts) {
  uint64_t end = 0;
  for (const Part& part : parts) end = std::max(end, part.end());
  return end;
}

// Where the initrd ends. Linux reads it through its linear map, which ends below the addresses that
// it keeps for vmalloc(): 128 MB, or what `vmalloc=` says. For boot loaders it has the rule that an
// initrd ends 512 MB below the top of the address space. Neither is possible if that leaves less
// than `needed` bytes; then the initrd ends as near to the top of RAM as the first page tables
// reach.
uint64_t TopOfInitrd(const LayoutRequest& request, uint64_t needed) {
  const uint64_t address_space = (uint64_t{1} << 32) - request.page_offset;
  for (const uint64_t kept : {512 * kMegabyte, 128 * kMegabyte + kReservedTop}) {
    if (address_space >= kept + needed) {
      return std::min<uint64_t>(request.ram_size, address_space - kept);
    }
  }
  return std::min<uint64_t>(request.ram_size, address_space - kReservedTop);
}

// Checks that initrd and page tables fit into `ram_size`. `low_end`: the end of the known low
// parts, for the advised memory size.
absl::Status CheckTopFits(uint32_t ram_size, const Part& initrd, uint64_t table_bytes,
                          uint64_t low_end) {
  if (PageAlignUp(initrd.size) + table_bytes <= ram_size) return absl::OkStatus();
  if (initrd.size == 0) return DoesNotFit("page tables do not fit into", ram_size, low_end, initrd);
  return DoesNotFit(absl::StrFormat("%s (%u bytes) and page tables (%u bytes) do not fit into",
                                    initrd.name, initrd.size, table_bytes),
                    ram_size, low_end, initrd);
}

}  // namespace

absl::StatusOr<uint32_t> KernelLimit(uint32_t ram_size, const Part& initrd) {
  const uint64_t tables = MostPageTableBytes(ram_size);
  RETURN_IF_ERROR(CheckTopFits(ram_size, initrd, tables, EndOf(ReservedParts())));
  return static_cast<uint32_t>(ram_size - PageAlignUp(initrd.size) - tables);
}

absl::Status KernelDoesNotFit(const Part& kernel, uint32_t ram_size, const Part& initrd) {
  return DoesNotFit(absl::StrCat(Describe(kernel), " does not fit into"), ram_size, kernel.end(),
                    initrd);
}

absl::StatusOr<Layout> PlanLayout(const LayoutRequest& request) {
  std::vector<Part> parts = ReservedParts();
  for (const Part& part : request.kernel) {
    if (part.size != 0) parts.push_back(part);
  }
  const size_t low_parts = parts.size();
  const uint64_t low_end = EndOf(parts);

  Layout layout;
  layout.ram_size = request.ram_size;
  layout.page_tables = SizePageTables(request.ram_size, request.page_offset);
  PageTablePlan& tables = layout.page_tables;
  tables.exists = request.start != GuestStart::kPhysicalNoTables;
  tables.maps_physical = request.start == GuestStart::kPhysical;
  if (!tables.exists) tables.table_count = 0;
  const uint64_t table_bytes = tables.exists ? (uint64_t{tables.table_count} + 1) * kPageSize : 0;
  if (auto status = CheckTopFits(request.ram_size, request.initrd, table_bytes, low_end);
      !status.ok()) {
    return status;
  }
  const uint64_t top_bytes = PageAlignUp(request.initrd.size) + table_bytes;
  const uint64_t top = TopOfInitrd(request, PageAlignUp(low_end) + top_bytes);
  if (top_bytes > top) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s (%u bytes) lies beyond the %#x bytes that page offset %#x leaves to be mapped",
        request.initrd.name, request.initrd.size, top, request.page_offset));
  }
  const uint32_t initrd_start = static_cast<uint32_t>(top - PageAlignUp(request.initrd.size));
  layout.initrd = GuestPhys(initrd_start);
  parts.push_back({request.initrd.name, initrd_start, request.initrd.size});
  if (tables.exists) {
    tables.directory = GuestPhys(initrd_start - kPageSize);
    tables.tables = GuestPhys(tables.directory.value() - tables.table_count * kPageSize);
    parts.push_back({"page tables", tables.tables.value(), table_bytes});
  }

  const uint64_t mapped = uint64_t{tables.mapped_pages} * kPageSize;
  for (const Part& part : request.kernel) {
    if (part.end() > request.ram_size) {
      return KernelDoesNotFit(part, request.ram_size, request.initrd);
    }
    if (part.end() > mapped) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s lies beyond the %#x bytes that page offset %#x leaves to be mapped",
                          Describe(part), mapped, request.page_offset));
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t k = i + 1; k < parts.size(); ++k) {
      if (parts[i].start >= parts[k].end() || parts[k].start >= parts[i].end()) continue;
      const std::string both =
          absl::StrCat(Describe(parts[i]), " and ", Describe(parts[k]), " overlap");
      // Two low parts overlap in a larger memory too.
      if (k < low_parts) return absl::InvalidArgumentError(both);
      return DoesNotFit(absl::StrCat(both, " in"), request.ram_size, low_end, request.initrd);
    }
  }
  return layout;
}

}  // namespace lguest::loader
