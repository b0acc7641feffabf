#include "loader/kernel_version.h"

#include <array>
#include <cstdint>

#include "loader/little_endian.h"

namespace lguest::loader {
namespace {

constexpr std::string_view kBanner = "Linux version ";

// movl $1, %eax: the number of LGUEST_INIT.
constexpr std::string_view kLoadNumber("\xb8\x01\x00\x00\x00", 5);
constexpr uint8_t kLoadEdx = 0xba;
constexpr uint8_t kLoadEbx = 0xbb;
constexpr size_t kLoadSize = 5;
constexpr uint16_t kInt1f = 0x1fcd;
constexpr uint16_t kVmcall = 0x010f;  // its first two bytes

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<KernelVersion> ParseKernelVersion(std::string_view text) {
  constexpr uint32_t kLargest = 255;
  std::array<uint32_t, 3> numbers = {};
  size_t count = 0;
  for (size_t at = 0; count < numbers.size() && at < text.size() && IsDigit(text[at]); ++at) {
    uint32_t& number = numbers[count++];
    for (; at < text.size() && IsDigit(text[at]); ++at) {
      number = number * 10 + static_cast<uint32_t>(text[at] - '0');
      if (number > kLargest) return std::nullopt;
    }
    if (at == text.size() || text[at] != '.') break;
  }
  if (count < 2) return std::nullopt;
  return KernelVersion{numbers[0], numbers[1], numbers[2]};
}

std::optional<KernelVersion> FindKernelVersion(std::span<const std::byte> image) {
  const std::string_view text = AsText(image);
  for (size_t at = text.find(kBanner); at != std::string_view::npos;
       at = text.find(kBanner, at + 1)) {
    const auto version = ParseKernelVersion(text.substr(at + kBanner.size()));
    if (version.has_value()) return version;
  }
  return std::nullopt;
}

bool HasGuestEntry(std::span<const std::byte> code) {
  constexpr size_t kAfterNumber = kLoadSize + sizeof(uint16_t);
  const std::string_view text = AsText(code);
  for (size_t at = text.find(kLoadNumber); at != std::string_view::npos;
       at = text.find(kLoadNumber, at + 1)) {
    const size_t next = at + kLoadNumber.size();
    if (text.size() - next < kAfterNumber) return false;
    const auto load = LoadLittleEndian<uint8_t>(code, next);
    const auto call = LoadLittleEndian<uint16_t>(code, next + kLoadSize);
    const bool loads_argument = load == kLoadEdx || load == kLoadEbx;
    if (loads_argument && (call == kInt1f || call == kVmcall)) return true;
  }
  return false;
}

}  // namespace lguest::loader
