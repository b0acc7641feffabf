#include "devices/net/ipv4.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

// Removes a decimal number of at most `max` (< 1000) from the front of `text`. Refuses a sign, and
// a leading zero, which means octal to some programs.
std::optional<uint32_t> ConsumeNumber(std::string_view& text, uint32_t max) {
  uint32_t number = 0;
  size_t digits = 0;
  while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
    number = number * 10 + static_cast<uint32_t>(text[digits] - '0');
    ++digits;
  }
  if (digits == 0 || number > max || (digits > 1 && text[0] == '0')) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool ConsumeChar(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

int ClassfulLength(uint32_t address) {
  if (address < 0x80000000) return 8;
  return address < 0xc0000000 ? 16 : 24;
}

absl::Status CheckUsable(const Ipv4Prefix& prefix) {
  const uint32_t top = prefix.address >> 24;
  if (top == 0) return absl::InvalidArgumentError("addresses in 0.0.0.0/8 are reserved");
  if (top == 127) return absl::InvalidArgumentError("a loopback address cannot reach a guest");
  if (top >= 224) {
    return absl::InvalidArgumentError("multicast and reserved addresses cannot be used");
  }
  const uint32_t host = prefix.address & ~prefix.netmask();
  if (prefix.length <= 30 && host == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is the network address (with prefix /", prefix.length, ")"));
  }
  if (prefix.length <= 30 && host == ~prefix.netmask()) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is the broadcast address (with prefix /", prefix.length, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Ipv4Prefix> ParseIpv4Prefix(std::string_view text) {
  Ipv4Prefix prefix;
  for (int i = 0; i < 4; ++i) {
    std::optional<uint32_t> byte;
    if (i == 0 || ConsumeChar(text, '.')) byte = ConsumeNumber(text, 255);
    if (!byte.has_value()) {
      return absl::InvalidArgumentError("an IP address has four numbers from 0 to 255, A.B.C.D");
    }
    prefix.address = prefix.address << 8 | *byte;
  }
  prefix.length = ClassfulLength(prefix.address);
  if (ConsumeChar(text, '/')) {
    const std::optional<uint32_t> length = ConsumeNumber(text, 32);
    if (!length.has_value() || *length == 0) {
      return absl::InvalidArgumentError("a prefix length is a number from 1 to 32");
    }
    prefix.length = static_cast<int>(*length);
  }
  if (!text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected text '", std::string(text), "' after the address"));
  }
  RETURN_IF_ERROR(CheckUsable(prefix));
  return prefix;
}

}  // namespace lguest
