// Parses IPv4 addresses.

#ifndef DEVICES_NET_IPV4_H_
#define DEVICES_NET_IPV4_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest {

// The address of an interface and its prefix length. `address` is in host byte order.
struct Ipv4Prefix {
  uint32_t address = 0;
  int length = 0;  // 1 to 32

  uint32_t netmask() const { return ~uint32_t{0} << (32 - length); }

  friend bool operator==(const Ipv4Prefix&, const Ipv4Prefix&) = default;
};

// Parses `A.B.C.D` or `A.B.C.D/LENGTH` in decimal, without any other text. The default length is
// that of the classful network, as in Linux: 8 below 128.0.0.0, 16 below 192.0.0.0, else 24.
// InvalidArgument, with the cause, for any other text and for an address that no interface can
// have: in 0.0.0.0/8, loopback, multicast, reserved, a network address or a broadcast address.
absl::StatusOr<Ipv4Prefix> ParseIpv4Prefix(std::string_view text);

}  // namespace lguest

#endif  // DEVICES_NET_IPV4_H_
