// What the launcher left for the kernel: memory, initrd, command line (ABI.md §3.3, §3.5).

#ifndef TESTDATA_GUEST_BOOT_H_
#define TESTDATA_GUEST_BOOT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace guest {

struct BootInfo {
  uint32_t memory_bytes = 0;
  uint32_t e820_entries = 0;
  uint32_t e820_type = 0;
  uint64_t e820_start = 0;
  uint32_t loader_type = 0;
  uint32_t platform = 0;
  std::span<const uint8_t> initrd;
  std::string_view command_line;
};

// Reads the boot parameters at this guest-physical address.
void ReadBootInfo(uint32_t parameters);
const BootInfo& GetBootInfo();

// The value of `name=value` on the command line.
std::optional<std::string_view> Option(std::string_view name);

// The value, and all that follows it to the end of the line.
std::optional<std::string_view> RestOfLineOption(std::string_view name);

// The value as a number; 0 when there is none.
uint32_t NumberOption(std::string_view name);

// Whether a word stands on the command line.
bool HasWord(std::string_view word);

// The first word of `rest`, which loses it; empty at the end.
std::string_view NextWord(std::string_view& rest, char separator = ' ');

}  // namespace guest

#endif  // TESTDATA_GUEST_BOOT_H_
