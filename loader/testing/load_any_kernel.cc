#include "loader/testing/load_any_kernel.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/guest_memory.h"
#include "loader/kernel.h"
#include "loader/page_tables.h"

namespace lguest::loader {
namespace {

constexpr uint32_t kRam = 4u << 20;
constexpr uint32_t kInitrdSize = 5000;

void Require(bool condition) {
  if (!condition) std::abort();
}

// LoadKernel() must not write to page tables, initrd and device pages.
void RequireUntouched(const GuestMemory& memory, uint32_t from) {
  std::vector<std::byte> rest(memory.size() - from);
  Require(memory.ReadBytes(GuestPhys(from), rest).ok());
  Require(std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{}; }));
}

}  // namespace

void LoadAnyKernel(std::span<const std::byte> image, std::string_view start) {
  // A copy of the exact size, so that a sanitizer detects a read outside of it.
  std::vector<std::byte> file(image.begin(), image.end());
  const std::span<const std::byte> first = std::as_bytes(std::span(start));
  std::copy_n(first.begin(), std::min(first.size(), file.size()), file.begin());

  const std::unique_ptr<GuestMemory> memory = *GuestMemory::Create(kRam + kPageSize);
  LoadTarget target;
  target.ram_size = kRam;
  target.initrd = {"initrd", 0, kInitrdSize};
  const auto kernel = LoadKernel(*memory, {"kernel", file}, target);
  if (!kernel.ok()) {
    Require(absl::IsInvalidArgument(kernel.status()) || absl::IsOutOfRange(kernel.status()));
    Require(!kernel.status().message().empty());
    Require(kernel.status().message().find('\n') == std::string_view::npos);
    return;
  }
  const PageTablePlan& tables = kernel->layout.page_tables;
  RequireUntouched(*memory, tables.exists ? tables.tables.value() : kernel->layout.initrd.value());
  Require(CheckPageOffset(tables.page_offset).ok());
  if (kernel->abi->start != GuestStart::kVirtual) return;  // any entry point will do
  const uint32_t entry = kernel->entry.value() - tables.page_offset;
  Require(kernel->entry.value() < kHostAreaStart && entry < tables.tables.value());
  Require(WritePageTables(*memory, tables).ok());
}

}  // namespace lguest::loader
