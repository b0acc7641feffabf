// Network interfaces of the host.

#ifndef DEVICES_NET_NET_INTERFACE_H_
#define DEVICES_NET_NET_INTERFACE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "devices/net/ipv4.h"

namespace lguest {

// The status of a step in configuring that failed with `error`: step, cause, and what would help.
absl::Status NetConfigError(int error, std::string_view step);

bool InterfaceExists(const std::string& name);

// Each changes one thing and leaves the rest as it is. `name`: shorter than IFNAMSIZ.
absl::Status SetInterfaceAddress(const std::string& name, const Ipv4Prefix& prefix);
absl::Status AddToBridge(const std::string& name, const std::string& bridge);
absl::Status BringUp(const std::string& name);

}  // namespace lguest

#endif  // DEVICES_NET_NET_INTERFACE_H_
