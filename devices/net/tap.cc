#include "devices/net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <variant>

#include "absl/strings/str_cat.h"
#include "devices/net/net_interface.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

constexpr char kTunDevice[] = "/dev/net/tun";

// A tap that is attached to a descriptor.
struct AttachedTap {
  UniqueFd fd;
  std::string interface;
};

// `name`: an interface name, or a pattern from which the kernel creates a name.
absl::StatusOr<AttachedTap> AttachTap(const std::string& name) {
  UniqueFd fd(open(kTunDevice, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    const bool is_missing = errno == ENOENT || errno == ENODEV || errno == ENXIO;
    const bool is_forbidden = errno == EACCES || errno == EPERM;
    return ErrnoStatus("opening ", kTunDevice,
                       is_missing     ? " (is the kernel module 'tun' loaded?)"
                       : is_forbidden ? " (the file must be readable and writable for you, as it "
                                        "is for everybody on most machines)"
                                      : "");
  }
  ifreq request = {};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd.get(), TUNSETIFF, &request) == 0) {
    return AttachedTap{std::move(fd), std::string(request.ifr_name)};
  }
  const int error = errno;
  if (error == EBUSY) {
    return absl::FailedPreconditionError(
        absl::StrCat("attaching to ", name, ": another program uses it"));
  }
  if (error == EINVAL) {
    return absl::InvalidArgumentError(
        absl::StrCat("attaching to ", name, ": it is not a single-queue tap"));
  }
  return NetConfigError(error, absl::StrCat("attaching to ", name));
}

absl::StatusOr<AttachedTap> OpenTap(const TunAddress& spec) {
  absl::StatusOr<AttachedTap> tap = AttachTap("tap%d");
  if (!tap.ok()) return tap;
  RETURN_IF_ERROR(SetInterfaceAddress(tap->interface, spec.prefix));
  RETURN_IF_ERROR(BringUp(tap->interface));
  return tap;
}

absl::StatusOr<AttachedTap> OpenTap(const TunBridge& spec) {
  if (!InterfaceExists(spec.name)) {
    return absl::NotFoundError(absl::StrCat("bridge ", spec.name, " does not exist (ip link add ",
                                            spec.name, " type bridge)"));
  }
  absl::StatusOr<AttachedTap> tap = AttachTap("tap%d");
  if (!tap.ok()) return tap;
  RETURN_IF_ERROR(AddToBridge(tap->interface, spec.name));
  RETURN_IF_ERROR(BringUp(tap->interface));
  return tap;
}

absl::StatusOr<AttachedTap> OpenTap(const TunExistingTap& spec) {
  // Attaching would create a missing tap.
  if (!InterfaceExists(spec.name)) {
    return absl::NotFoundError(absl::StrCat(
        "interface ", spec.name, " does not exist (ip tuntap add dev ", spec.name, " mode tap)"));
  }
  return AttachTap(spec.name);
}

absl::StatusOr<AttachedTap> OpenTap(const TunDescriptor& spec) {
  const std::string what = absl::StrCat("descriptor ", spec.fd);
  const int flags = fcntl(spec.fd, F_GETFL);
  if (flags == -1) return ErrnoStatus(what);
  ifreq request = {};
  if (ioctl(spec.fd, TUNGETIFF, &request) != 0 || (request.ifr_flags & IFF_TAP) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is not attached to a tap"));
  }
  if ((request.ifr_flags & IFF_NO_PI) == 0 || (request.ifr_flags & IFF_VNET_HDR) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": tap ", std::string(request.ifr_name),
        " adds headers to packets (it needs IFF_NO_PI and must not have IFF_VNET_HDR)"));
  }
  if (fcntl(spec.fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(spec.fd, F_SETFD, FD_CLOEXEC) != 0) {
    return ErrnoStatus("preparing ", what);
  }
  return AttachedTap{UniqueFd(spec.fd), std::string(request.ifr_name)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tap>> Tap::Open(const TunSpec& spec) {
  ASSIGN_OR_RETURN(AttachedTap tap,
                   std::visit([](const auto& kind) { return OpenTap(kind); }, spec));
  // Disables offloads that a previous user of the tap may have enabled: packets must be complete,
  // with checksums. Before Linux 2.6.24 neither offloads nor this request exist.
  if (ioctl(tap.fd.get(), TUNSETOFFLOAD, 0) != 0 && errno != EINVAL) {
    return NetConfigError(errno, absl::StrCat("disabling offloads of ", tap.interface));
  }
  // The guest computes all checksums, so the host need not verify them. New kernels ignore this
  // request.
  ioctl(tap.fd.get(), TUNSETNOCSUM, 1);
  ifreq request = {};
  if (ioctl(tap.fd.get(), SIOCGIFHWADDR, &request) != 0) {
    return NetConfigError(errno, absl::StrCat("getting the hardware address of ", tap.interface));
  }
  NetPeer mac;
  std::memcpy(mac.mac.data(), request.ifr_hwaddr.sa_data, mac.mac.size());
  // Not make_unique: the constructor is private.
  return std::unique_ptr<Tap>(new Tap(std::move(tap.fd), std::move(tap.interface), mac));
}

// Some of the following use syscall(): the wrappers of the C library are cancellation points, which
// cost extra instructions.

bool Tap::IsReadable() const {
  pollfd ready = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return syscall(SYS_poll, &ready, 1, 0) != 0;
}

absl::StatusOr<size_t> Tap::Read(const IoVector& to) {
  const ssize_t len = ReadVector(fd_.get(), to.data(), to.count());
  if (len >= 0) return static_cast<size_t>(len);
  if (errno == EAGAIN || errno == EINTR) return absl::UnavailableError("no packet");
  if (errno == EBADFD) {
    return absl::NotFoundError(absl::StrCat("interface ", interface_, " has been removed"));
  }
  return ErrnoStatus("reading from ", interface_);
}

absl::Status Tap::Write(std::span<const iovec> packet) {
  if (syscall(SYS_writev, fd_.get(), packet.data(), packet.size()) >= 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus("writing to ", interface_, errno == EIO ? " (is it up?)" : "");
}

}  // namespace lguest
