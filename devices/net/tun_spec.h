// The value of --tunnet.

#ifndef DEVICES_NET_TUN_SPEC_H_
#define DEVICES_NET_TUN_SPEC_H_

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "devices/net/ipv4.h"

namespace lguest {

// Create a tap with this address.
struct TunAddress {
  Ipv4Prefix prefix;
  friend bool operator==(const TunAddress&, const TunAddress&) = default;
};
// Create a tap as a port of this bridge.
struct TunBridge {
  std::string name;
  friend bool operator==(const TunBridge&, const TunBridge&) = default;
};
// Use a tap that an administrator has created and configured.
struct TunExistingTap {
  std::string name;
  friend bool operator==(const TunExistingTap&, const TunExistingTap&) = default;
};
// Use a tap that is attached to this file descriptor of the process.
struct TunDescriptor {
  int fd = -1;
  friend bool operator==(const TunDescriptor&, const TunDescriptor&) = default;
};
using TunSpec = std::variant<TunAddress, TunBridge, TunExistingTap, TunDescriptor>;

// Parses `ADDRESS[/LENGTH]`, `bridge:NAME`, `tap:NAME` or `fd:NUMBER`; does not access the host's
// network. InvalidArgument, with the cause, for any other value.
absl::StatusOr<TunSpec> ParseTunSpec(std::string_view value);

}  // namespace lguest

#endif  // DEVICES_NET_TUN_SPEC_H_
