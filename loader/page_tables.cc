#include "loader/page_tables.h"

#include <algorithm>
#include <array>
#include <span>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest::loader {
namespace {

constexpr uint32_t kEntriesPerTable = kPageSize / sizeof(uint32_t);

constexpr uint32_t kEntryFlags = 0x7;  // present, writable, for rings 1 to 3

using Table = std::array<uint32_t, kEntriesPerTable>;

absl::Status WriteTable(GuestMemory& memory, uint32_t address, const Table& table) {
  return memory.WriteBytes(GuestPhys(address), std::as_bytes(std::span(table)));
}

}  // namespace

PageTablePlan SizePageTables(uint32_t ram_size, uint32_t page_offset) {
  PageTablePlan plan;
  plan.page_offset = page_offset;
  plan.mapped_pages = std::min(ram_size, kHostAreaStart - page_offset) / kPageSize;
  plan.table_count = (plan.mapped_pages + kEntriesPerTable - 1) / kEntriesPerTable;
  return plan;
}

absl::Status CheckPageOffset(uint32_t page_offset) {
  if (page_offset % kBytesPerTable != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "page offset %#x: a multiple of %#x is needed", page_offset, kBytesPerTable));
  }
  if (page_offset >= kHostAreaStart) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "page offset %#x: addresses from %#x on belong to the host", page_offset, kHostAreaStart));
  }
  return absl::OkStatus();
}

absl::Status WritePageTables(GuestMemory& memory, const PageTablePlan& plan) {
  if (!plan.exists) return absl::OkStatus();
  const uint32_t first_linear = plan.page_offset / kBytesPerTable;
  Table directory = {};
  for (uint32_t t = 0; t < plan.table_count; ++t) {
    const uint32_t first_page = t * kEntriesPerTable;
    const uint32_t count = std::min(kEntriesPerTable, plan.mapped_pages - first_page);
    Table table;
    uint32_t value = (first_page << kPageShift) | kEntryFlags;
    for (uint32_t& entry : std::span(table).first(count)) {
      entry = value;
      value += kPageSize;
    }
    std::fill(table.begin() + count, table.end(), 0);
    const uint32_t address = plan.tables.value() + t * kPageSize;
    RETURN_IF_ERROR(WriteTable(memory, address, table));
    directory[first_linear + t] = address | kEntryFlags;
    if (plan.maps_physical && t < first_linear) directory[t] = address | kEntryFlags;
  }
  return WriteTable(memory, plan.directory.value(), directory);
}

}  // namespace lguest::loader
