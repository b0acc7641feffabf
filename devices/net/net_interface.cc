#include "devices/net/net_interface.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

// An ioctl request for one interface, with its own socket.
class InterfaceRequest {
 public:
  explicit InterfaceRequest(const std::string& name) : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
    // Not SOCK_CLOEXEC, which needs Linux 2.6.27.
    fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
    name.copy(request_.ifr_name, IFNAMSIZ - 1);
  }

  // Returns 0 or an errno.
  int Ioctl(unsigned long what) {
    if (!socket_.valid()) return EAFNOSUPPORT;
    return ioctl(socket_.get(), what, &request_) == 0 ? 0 : errno;
  }

  ifreq& request() { return request_; }

  void SetAddress(uint32_t address) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(address);
    std::memcpy(&request_.ifr_addr, &in, sizeof(in));
  }

 private:
  const UniqueFd socket_;
  ifreq request_ = {};
};

}  // namespace

absl::Status NetConfigError(int error, std::string_view step) {
  std::string message(step);
  if (error == EPERM || error == EACCES) {
    absl::StrAppend(&message,
                    " (needs root or CAP_NET_ADMIN; otherwise use tap:NAME with a tap that an "
                    "administrator has created: ip tuntap add dev NAME mode tap user YOU)");
  }
  return absl::ErrnoToStatus(error, message);
}

bool InterfaceExists(const std::string& name) { return if_nametoindex(name.c_str()) != 0; }

absl::Status SetInterfaceAddress(const std::string& name, const Ipv4Prefix& prefix) {
  InterfaceRequest interface(name);
  interface.SetAddress(prefix.address);
  if (const int error = interface.Ioctl(SIOCSIFADDR); error != 0) {
    return NetConfigError(error, absl::StrCat("setting the address of ", name));
  }
  interface.SetAddress(prefix.netmask());
  if (const int error = interface.Ioctl(SIOCSIFNETMASK); error != 0) {
    return NetConfigError(error, absl::StrCat("setting the netmask of ", name));
  }
  return absl::OkStatus();
}

absl::Status AddToBridge(const std::string& name, const std::string& bridge) {
  InterfaceRequest interface(bridge);
  interface.request().ifr_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
  const int error = interface.Ioctl(SIOCBRADDIF);
  if (error == EOPNOTSUPP || error == EINVAL) {
    return absl::InvalidArgumentError(
        absl::StrCat("adding ", name, " to ", bridge, ": ", bridge, " is not a bridge"));
  }
  if (error != 0) {
    return NetConfigError(error, absl::StrCat("adding ", name, " to bridge ", bridge));
  }
  return absl::OkStatus();
}

absl::Status BringUp(const std::string& name) {
  InterfaceRequest interface(name);
  int error = interface.Ioctl(SIOCGIFFLAGS);
  if (error == 0) {
    interface.request().ifr_flags |= IFF_UP;
    error = interface.Ioctl(SIOCSIFFLAGS);
  }
  if (error != 0) return NetConfigError(error, absl::StrCat("bringing interface ", name, " up"));
  return absl::OkStatus();
}

}  // namespace lguest
