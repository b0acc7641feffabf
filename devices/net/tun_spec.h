// The value of --tunnet.

#ifndef DEVICES_NET_TUN_SPEC_H_
#define DEVICES_NET_TUN_SPEC_H_

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "devices/net/ipv4.h"

namespace lguest {

// A tap interface of our own, with this address.
struct TunAddress {
  Ipv4Prefix prefix;
  friend bool operator==(const TunAddress&, const TunAddress&) = default;
};
// A tap interface of our own, as a port of this bridge.
struct TunBridge {
  std::string name;
  friend bool operator==(const TunBridge&, const TunBridge&) = default;
};
// A tap interface that somebody has made and configured for us.
struct TunExistingTap {
  std::string name;
  friend bool operator==(const TunExistingTap&, const TunExistingTap&) = default;
};
// A tap that is already attached to a file descriptor of this process.
struct TunDescriptor {
  int fd = -1;
  friend bool operator==(const TunDescriptor&, const TunDescriptor&) = default;
};
using TunSpec = std::variant<TunAddress, TunBridge, TunExistingTap, TunDescriptor>;

// `ADDRESS[/LENGTH]`, `bridge:NAME`, `tap:NAME` or `fd:NUMBER`. Changes and asks nothing.
// InvalidArgument, with the cause, otherwise.
absl::StatusOr<TunSpec> ParseTunSpec(std::string_view value);

}  // namespace lguest

#endif  // DEVICES_NET_TUN_SPEC_H_
