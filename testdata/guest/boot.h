// The boot parameters from the launcher: memory, initrd, command line (ABI.md §3.3, §3.5).

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

// Reads the boot parameters at guest-physical address `parameters`.
void ReadBootInfo(uint32_t parameters);
const BootInfo& GetBootInfo();

// Returns the value of `name=value` on the command line.
std::optional<std::string_view> Option(std::string_view name);

// Returns the value and the rest of the command line after it.
std::optional<std::string_view> RestOfLineOption(std::string_view name);

// Returns the value as a number, or 0 if the option is missing.
uint32_t NumberOption(std::string_view name);

// Returns whether the command line contains the word.
bool HasWord(std::string_view word);

// Removes the first word of `rest` and returns it; returns an empty word at the end.
std::string_view NextWord(std::string_view& rest, char separator = ' ');

}  // namespace guest

#endif  // TESTDATA_GUEST_BOOT_H_
