// Configures network interfaces of the host.

#ifndef DEVICES_NET_NET_INTERFACE_H_
#define DEVICES_NET_NET_INTERFACE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "devices/net/ipv4.h"

namespace lguest {

// The status for a configuration step that failed with errno `error`: step, cause and advice.
absl::Status NetConfigError(int error, std::string_view step);

bool InterfaceExists(const std::string& name);

// Each function changes one setting of the interface. `name` is shorter than IFNAMSIZ.
absl::Status SetInterfaceAddress(const std::string& name, const Ipv4Prefix& prefix);
absl::Status AddToBridge(const std::string& name, const std::string& bridge);
absl::Status BringUp(const std::string& name);

}  // namespace lguest

#endif  // DEVICES_NET_NET_INTERFACE_H_
