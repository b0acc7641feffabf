#include "testdata/guest/boot.h"

#include "testdata/guest/memory.h"

namespace guest {
namespace {

// Offsets in the Linux boot parameters.
constexpr uint32_t kE820Entries = 0x1e8;
constexpr uint32_t kLoaderType = 0x210;
constexpr uint32_t kInitrdAddress = 0x218;
constexpr uint32_t kInitrdBytes = 0x21c;
constexpr uint32_t kCommandLine = 0x228;
constexpr uint32_t kPlatform = 0x23c;
constexpr uint32_t kE820Map = 0x2d0;

constexpr size_t kMaxCommandLine = 2048;

constinit BootInfo boot_info;

template <typename T>
T Field(uint32_t parameters, uint32_t offset) {
  T value;
  memcpy(&value, ToVirt<char>(parameters + offset), sizeof(value));
  return value;
}

// Returns the value of an option and the rest of the line after it.
std::optional<std::string_view> FindOption(std::string_view name) {
  std::string_view rest = boot_info.command_line;
  for (;;) {
    const std::string_view word = NextWord(rest);
    if (word.empty()) return std::nullopt;
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      const char* value = word.data() + name.size() + 1;
      return std::string_view(value, boot_info.command_line.end() - value);
    }
  }
}

}  // namespace

void ReadBootInfo(uint32_t parameters) {
  boot_info.e820_entries = Field<uint8_t>(parameters, kE820Entries);
  boot_info.e820_start = Field<uint64_t>(parameters, kE820Map);
  boot_info.memory_bytes = static_cast<uint32_t>(Field<uint64_t>(parameters, kE820Map + 8));
  boot_info.e820_type = Field<uint32_t>(parameters, kE820Map + 16);
  boot_info.loader_type = Field<uint8_t>(parameters, kLoaderType);
  boot_info.platform = Field<uint32_t>(parameters, kPlatform);
  boot_info.initrd = {ToVirt<uint8_t>(Field<uint32_t>(parameters, kInitrdAddress)),
                      Field<uint32_t>(parameters, kInitrdBytes)};
  const char* line = ToVirt<char>(Field<uint32_t>(parameters, kCommandLine));
  const auto* end = static_cast<const char*>(memchr(line, '\0', kMaxCommandLine));
  boot_info.command_line = {line, end != nullptr ? end - line : kMaxCommandLine};
}

const BootInfo& GetBootInfo() { return boot_info; }

std::string_view NextWord(std::string_view& rest, char separator) {
  while (rest.starts_with(separator)) rest.remove_prefix(1);
  size_t size = 0;
  while (size < rest.size() && rest[size] != separator) ++size;
  const std::string_view word(rest.data(), size);
  rest.remove_prefix(size);
  return word;
}

std::optional<std::string_view> Option(std::string_view name) {
  std::optional<std::string_view> value = FindOption(name);
  if (value && value->starts_with(' ')) return std::string_view();
  if (value) return NextWord(*value);
  return std::nullopt;
}

std::optional<std::string_view> RestOfLineOption(std::string_view name) {
  std::optional<std::string_view> value = FindOption(name);
  while (value && value->ends_with(' ')) value->remove_suffix(1);
  return value;
}

uint32_t NumberOption(std::string_view name) {
  uint32_t number = 0;
  for (const char digit : Option(name).value_or("")) {
    if (digit < '0' || digit > '9') return 0;
    number = number * 10 + static_cast<uint32_t>(digit - '0');
  }
  return number;
}

bool HasWord(std::string_view word) {
  std::string_view rest = boot_info.command_line;
  for (;;) {
    const std::string_view next = NextWord(rest);
    if (next.empty()) return false;
    if (next == word) return true;
  }
}

}  // namespace guest
