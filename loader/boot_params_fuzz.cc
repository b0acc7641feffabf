// For any memory size, kernel, initrd and command line: the parts of a layout lie in memory and do
// not overlap, and the boot parameters say to Linux what the launcher was told.
// Input: struct Fixed, then the command line.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/boot_params.h"
#include "loader/layout.h"
#include "loader/little_endian.h"
#include "loader/page_tables.h"
#include "tools/fuzz/fuzz_target.h"

namespace lguest::loader {
namespace {

struct Fixed {
  uint32_t kernel_start;
  uint32_t kernel_size;
  uint32_t initrd_size;
  uint32_t page_offset;
  uint16_t ram_pages;
};
constexpr size_t kFixedSize = 18;  // without the padding

void Check(bool good) {
  if (!good) std::abort();
}

struct Range {
  uint64_t start;
  uint64_t size;
};

void CheckDisjoint(std::vector<Range> parts, uint64_t limit) {
  std::erase_if(parts, [](const Range& part) { return part.size == 0; });
  std::sort(parts.begin(), parts.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
  uint64_t end = 0;
  for (const Range& part : parts) {
    Check(part.start >= end);
    end = part.start + part.size;
  }
  Check(end <= limit);
}

// Reads the boot parameters as Linux does.
void CheckBootParams(const GuestMemory& memory, const BootParams& params) {
  std::vector<std::byte> pages(memory.size());
  Check(memory.ReadBytes(GuestPhys(0), pages).ok());
  const auto word = [&](size_t offset) { return LoadLittleEndian<uint32_t>(pages, offset); };
  Check(std::memcmp(&pages[0x202], "HdrS", 4) == 0);
  Check(pages[0x1e8] == std::byte{1});  // one range of memory: from 0, RAM
  Check(LoadLittleEndian<uint64_t>(pages, 0x2d0) == 0);
  Check(LoadLittleEndian<uint64_t>(pages, 0x2d8) == params.ram_size && word(0x2e0) == 1);
  Check(word(0x218) == (params.initrd ? params.initrd->address.value() : 0));
  Check(word(0x21c) == (params.initrd ? params.initrd->size : 0));
  const uint32_t line = word(0x228);
  Check(line >= kBootParamsSize && line < pages.size());
  const size_t end = line + params.command_line.size();
  Check(end < line + kCommandLineSize && pages[end] == std::byte{0});
  Check(std::memcmp(&pages[line], params.command_line.c_str(), params.command_line.size()) == 0);
  Check(std::all_of(pages.begin() + static_cast<ptrdiff_t>(end), pages.end(),
                    [](std::byte byte) { return byte == std::byte{0}; }));
}

void Run(const Fixed& fixed, const std::string& command_line) {
  const absl::Status line = CheckCommandLine(command_line);
  const bool valid =
      command_line.size() < kCommandLineSize && command_line.find('\0') == std::string::npos;
  Check(line.ok() == valid);
  if (!CheckPageOffset(fixed.page_offset).ok()) return;

  const uint32_t ram_size = (uint32_t{fixed.ram_pages} + 1) * kPageSize;
  const LayoutRequest request = {.ram_size = ram_size,
                                 .kernel = {{"kernel", fixed.kernel_start, fixed.kernel_size}},
                                 .initrd = {"initrd", 0, fixed.initrd_size},
                                 .page_offset = fixed.page_offset};
  const auto layout = PlanLayout(request);
  if (!layout.ok()) {
    Check(!layout.status().message().empty());
    return;
  }
  const PageTablePlan& tables = layout->page_tables;
  Check(tables.directory.value() == tables.tables.value() + tables.table_count * kPageSize);
  CheckDisjoint({{kBootParamsAddress.value(), kBootParamsSize},
                 {kCommandLineAddress.value(), kCommandLineSize},
                 {fixed.kernel_start, fixed.kernel_size},
                 {layout->initrd.value(), fixed.initrd_size},
                 {tables.tables.value(), (uint64_t{tables.table_count} + 1) * kPageSize}},
                ram_size);
  if (!valid) return;

  BootParams params;
  params.ram_size = ram_size;
  params.command_line = command_line;
  if (fixed.initrd_size != 0) params.initrd = {layout->initrd, fixed.initrd_size};
  const std::unique_ptr<GuestMemory> memory = GuestMemory::Create(2 * kPageSize).value();
  Check(WriteBootParams(*memory, params).ok());
  CheckBootParams(*memory, params);
}

}  // namespace
}  // namespace lguest::loader

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using lguest::loader::kFixedSize;
  lguest::loader::Fixed fixed = {};
  if (size != 0) std::memcpy(&fixed, data, std::min(size, kFixedSize));
  const size_t start = std::min(size, kFixedSize);
  lguest::loader::Run(fixed, std::string(data + start, data + size));
  return 0;
}
