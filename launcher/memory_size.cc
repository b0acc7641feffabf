#include "launcher/memory_size.h"

#include <charconv>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest {
namespace {

constexpr uint32_t kMegabyteShift = 20;
constexpr uint64_t kMegabytesPerGigabyte = 1024;

absl::Status BadSize(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("memory size '%s': %s; give megabytes (64, 64m) or gigabytes (1g), 1m to %um",
                      text, why, kMaxMemoryMegabytes));
}

}  // namespace

absl::StatusOr<uint32_t> ParseMemorySize(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return BadSize(text, "too much");
  if (error != std::errc()) return BadSize(text, "not a number");

  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  if (number == 0) return BadSize(text, "a guest needs some");
  if (number > kMaxMemoryMegabytes) return BadSize(text, "too much");
  if (unit == "g" || unit == "G") {
    number *= kMegabytesPerGigabyte;
    if (number > kMaxMemoryMegabytes) return BadSize(text, "too much");
  } else if (!unit.empty() && unit != "m" && unit != "M") {
    return BadSize(text, absl::StrFormat("'%s' is no unit", unit));
  }
  return static_cast<uint32_t>(number << kMegabyteShift);
}

}  // namespace lguest
