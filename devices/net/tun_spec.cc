#include "devices/net/tun_spec.h"

#include <net/if.h>

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

bool ConsumePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Accepts the interface names that Linux accepts, except those with '%', which is a pattern.
absl::StatusOr<std::string> ParseInterfaceName(std::string_view text) {
  const std::string name(text);
  if (name.empty()) return absl::InvalidArgumentError("the interface name is empty");
  if (name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(absl::StrCat(
        "interface name '", name, "' is too long: at most ", IFNAMSIZ - 1, " characters"));
  }
  bool good = name != "." && name != "..";
  for (const char c : name) good = good && c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%';
  if (!good) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is not an interface name"));
  }
  return name;
}

absl::StatusOr<int> ParseDescriptor(std::string_view text) {
  int64_t number = text.empty() ? -1 : 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > std::numeric_limits<int>::max()) {
      number = -1;
      break;
    }
    number = number * 10 + (c - '0');
  }
  if (number < 0 || number > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError("'fd:' needs the number of an open file descriptor");
  }
  if (number <= 2) {
    return absl::InvalidArgumentError("descriptors 0 to 2 are the launcher's own input and output");
  }
  return static_cast<int>(number);
}

}  // namespace

absl::StatusOr<TunSpec> ParseTunSpec(std::string_view value) {
  if (ConsumePrefix(value, "bridge:")) {
    absl::StatusOr<std::string> name = ParseInterfaceName(value);
    RETURN_IF_ERROR(name.status());
    return TunBridge{*name};
  }
  if (ConsumePrefix(value, "tap:")) {
    ASSIGN_OR_RETURN(std::string name, ParseInterfaceName(value));
    return TunExistingTap{name};
  }
  if (ConsumePrefix(value, "fd:")) {
    ASSIGN_OR_RETURN(const int fd, ParseDescriptor(value));
    return TunDescriptor{fd};
  }
  const absl::StatusOr<Ipv4Prefix> prefix = ParseIpv4Prefix(value);
  if (!prefix.ok()) {
    const bool has_mac = value.find(':') != std::string_view::npos;
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(prefix.status().message()),
                     has_mac ? " (a MAC follows a comma: IP,mac=02:00:00:01:00:00)"
                             : " (or use bridge:NAME, tap:NAME, fd:NUMBER)"));
  }
  return TunAddress{*prefix};
}

}  // namespace lguest
