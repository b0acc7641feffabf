// IPv4 addresses as a user writes them.

#ifndef DEVICES_NET_IPV4_H_
#define DEVICES_NET_IPV4_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest {

// An interface's address and the network around it; `address` in host byte order.
struct Ipv4Prefix {
  uint32_t address = 0;
  int length = 0;  // 1 to 32

  uint32_t netmask() const { return ~uint32_t{0} << (32 - length); }

  friend bool operator==(const Ipv4Prefix&, const Ipv4Prefix&) = default;
};

// `A.B.C.D` or `A.B.C.D/LENGTH`, in decimal and without anything around it. Without a length it is
// the classful network's, as Linux has it: 8 below 128.0.0.0, 16 below 192.0.0.0, else 24.
// InvalidArgument, with the cause, otherwise, and for what no interface can have: addresses of no
// network, loopback, multicast and reserved ones, a network's own and its broadcast address.
absl::StatusOr<Ipv4Prefix> ParseIpv4Prefix(std::string_view text);

}  // namespace lguest

#endif  // DEVICES_NET_IPV4_H_
