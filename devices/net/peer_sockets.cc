#include "devices/net/peer_sockets.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest {
namespace {

std::string SocketName(const SharedNetFile& file, uint32_t slot) {
  return absl::StrFormat(".lguest-net-%x.%u", uint64_t{file.inode()}, slot);
}

// A socket address has at most 107 characters. The path through the open directory is always short
// enough.
sockaddr_un Address(const SharedNetFile& file, uint32_t slot) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  absl::SNPrintF(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
                 file.directory_fd(), SocketName(file, slot));
  return address;
}

// Removes the socket that a crashed owner of our slot has left.
void RemoveSocket(const SharedNetFile& file) {
  const std::string name = SocketName(file, file.slot());
  struct stat64 found;
  if (fstatat64(file.directory_fd(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISSOCK(found.st_mode)) {
    unlinkat(file.directory_fd(), name.c_str(), 0);
  }
}

bool Connect(int fd, const SharedNetFile& file, uint32_t slot) {
  const sockaddr_un address = Address(file, slot);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

PeerSockets::SendResult SendResultOf(int error) {
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:  // a crashed launcher has left its socket
      return PeerSockets::SendResult::kNoPeer;
    case EACCES:
    case EPERM:
      return PeerSockets::SendResult::kNotPermitted;
    default:
      return PeerSockets::SendResult::kQueueFull;
  }
}

UniqueFd NewSocket() {
  return UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerSockets>> PeerSockets::Open(const SharedNetFile& file) {
  UniqueFd fd = NewSocket();
  if (!fd.valid()) return ErrnoStatus("opening a socket");
  Connections connections;
  for (Connection& connection : connections) {
    connection.fd = NewSocket();
    if (!connection.fd.valid()) return ErrnoStatus("opening a socket");
  }
  RemoveSocket(file);
  const sockaddr_un address = Address(file, file.slot());
  const std::string name = SocketName(file, file.slot());
  // fchmod() before bind() sets the permissions atomically, but bind() applies the umask;
  // fchmodat() then sets them fully.
  if (fchmod(fd.get(), file.permissions()) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      fchmodat(file.directory_fd(), name.c_str(), file.permissions(), 0) != 0) {
    const int error = errno;
    return absl::ErrnoToStatus(
        error,
        absl::StrCat("creating the socket ", name, " next to ", file.path(),
                     error == EACCES || error == EROFS
                         ? " (without /dev/lguest the launcher needs write access to the directory)"
                     : error == ENOENT ? " (is /proc mounted?)"
                                       : ""));
  }
  // Not make_unique: the constructor is private.
  return std::unique_ptr<PeerSockets>(
      new PeerSockets(file, std::move(fd), name, std::move(connections)));
}

PeerSockets::PeerSockets(const SharedNetFile& file, UniqueFd fd, std::string name,
                         Connections connections)
    : file_(file),
      fd_(std::move(fd)),
      name_(std::move(name)),
      remove_socket_([](void* self) { static_cast<PeerSockets*>(self)->RemoveOurSocket(); }, this),
      connections_(std::move(connections)) {}

PeerSockets::~PeerSockets() { RemoveOurSocket(); }

// Async-signal-safe.
void PeerSockets::RemoveOurSocket() const { unlinkat(file_.directory_fd(), name_.c_str(), 0); }

PeerSockets::Connection& PeerSockets::Use(uint32_t slot) {
  const auto found = std::find_if(connections_.begin(), connections_.end() - 1,
                                  [&](const Connection& each) { return each.slot == slot; });
  std::rotate(connections_.begin(), found, found + 1);
  return connections_.front();
}

PeerSockets::SendResult PeerSockets::Send(uint32_t slot, std::span<const iovec> packet) {
  const IoVector pieces(packet);
  Connection& peer = Use(slot);
  while (true) {
    const bool is_new = peer.slot != slot;
    if (is_new) {
      if (!Connect(peer.fd.get(), file_, slot)) return SendResultOf(errno);
      peer.slot = slot;
    }
    if (writev(peer.fd.get(), pieces.data(), pieces.count()) >= 0) return SendResult::kSent;
    const int error = errno;
    // The connected peer has exited. The slot may have a new owner.
    if (error == ECONNREFUSED) peer.slot.reset();
    if (is_new || error != ECONNREFUSED) return SendResultOf(error);
  }
}

bool PeerSockets::HasPacket() const {
  pollfd ready = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return poll(&ready, 1, 0) == 1;
}

absl::StatusOr<size_t> PeerSockets::Receive(const IoVector& to) {
  const auto pieces = std::span(to.data(), static_cast<size_t>(to.count()));
  const bool has_room = std::any_of(pieces.begin(), pieces.end(),
                                    [](const iovec& piece) { return piece.iov_len != 0; });
  // Into an empty buffer, readv() would read nothing and leave the packet in the queue.
  std::byte dropped;
  const ssize_t len = has_room ? ReadVector(fd_.get(), to.data(), to.count())
                               : ReadBytes(fd_.get(), &dropped, sizeof(dropped));
  if (len >= 0) return has_room ? static_cast<size_t>(len) : 0;
  if (errno == EAGAIN || errno == EINTR) return absl::UnavailableError("no packet");
  return ErrnoStatus("receiving from another guest");
}

}  // namespace lguest
