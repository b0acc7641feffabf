#include "devices/net/shared_net_backend.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr uint8_t kMulticast = 1;  // in the first byte of a MAC; of a slot: promiscuous

using Slots = std::array<NetPeer, kNetPeersPerPage>;

// The destination of a packet. False if the packet has none.
bool CopyDestination(std::span<const iovec> packet, NetPeer& destination) {
  std::span<uint8_t> to(destination.mac);
  for (const iovec& piece : packet) {
    const size_t part = std::min(piece.iov_len, to.size());
    std::memcpy(to.data(), piece.iov_base, part);
    to = to.subspan(part);
  }
  return to.empty();
}

bool Receives(const NetPeer& slot, const NetPeer& destination) {
  if (slot.mac[0] == 0) return false;
  return ((slot.mac[0] | destination.mac[0]) & kMulticast) != 0 || slot.mac == destination.mac;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedNetBackend>> SharedNetBackend::Open(
    std::unique_ptr<SharedNetFile> file, const NetPeer& mac) {
  ASSIGN_OR_RETURN(std::unique_ptr<PeerSockets> sockets, PeerSockets::Open(*file));
  const iovec piece = {.iov_base = const_cast<NetPeer*>(&mac), .iov_len = sizeof(mac)};
  const auto offset = static_cast<off64_t>(file->slot() * sizeof(NetPeer));
  if (pwritev64(file->fd(), &piece, 1, offset) != static_cast<ssize_t>(sizeof(mac))) {
    return ErrnoStatus("writing to ", file->path());
  }
  // Not make_unique: the constructor is private.
  return std::unique_ptr<SharedNetBackend>(
      new SharedNetBackend(std::move(file), std::move(sockets)));
}

SharedNetBackend::SharedNetBackend(std::unique_ptr<SharedNetFile> file,
                                   std::unique_ptr<PeerSockets> sockets)
    : file_(std::move(file)), sockets_(std::move(sockets)) {}

absl::Status SharedNetBackend::Write(std::span<const iovec> packet) {
  NetPeer destination;
  if (!CopyDestination(packet, destination)) return absl::InvalidArgumentError("it has no address");
  Slots slots = {};  // other launchers may change them at any time
  const iovec piece = {.iov_base = slots.data(), .iov_len = sizeof(slots)};
  // A file that is cut off has no receivers.
  if (preadv64v2(file_->fd(), &piece, 1, 0, 0) < 0) return ErrnoStatus("reading ", file_->path());
  for (uint32_t slot = 0; slot < kNetPeersPerPage; ++slot) {
    if (slot == file_->slot() || !Receives(slots[slot], destination)) continue;
    if (sockets_->Send(slot, packet) == PeerSockets::SendResult::kNotPermitted) {
      return absl::PermissionDeniedError(
          absl::StrCat("no permission to send to the guest in slot ", slot));
    }
  }
  return absl::OkStatus();
}

}  // namespace lguest
