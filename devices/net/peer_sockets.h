// Packet transport between launchers on hosts that do not move packets between guests.

#ifndef DEVICES_NET_PEER_SOCKETS_H_
#define DEVICES_NET_PEER_SOCKETS_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/io_vector.h"
#include "devices/net/shared_net_file.h"
#include "launcher/base/deadly_signals.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

// Each slot of a network has one Unix datagram socket, in the directory of the network file and
// with its permissions. One packet is one datagram. The socket name consists of the file's inode
// and the slot, so a hard link to the file finds the same sockets. Only the owner of a slot creates
// and removes the slot's socket. A connection to a peer lasts after the first packet, so the name
// is looked up once and not for each packet. All sockets are made at the start, because a sandboxed
// launcher can only connect them. The socket that was not used for the longest time is connected
// anew.
class PeerSockets {
 public:
  // Peers that can be connected at the same time. Each costs a descriptor.
  static constexpr size_t kConnections = 16;

  // `file` must outlive the sockets. Messages name the file and the cause.
  static absl::StatusOr<std::unique_ptr<PeerSockets>> Open(const SharedNetFile& file);

  ~PeerSockets();
  PeerSockets(const PeerSockets&) = delete;
  PeerSockets& operator=(const PeerSockets&) = delete;

  int fd() const { return fd_.get(); }  // readable when there is a packet for this slot

  enum class SendResult : uint8_t {
    kSent,
    kQueueFull,     // the peer's queue is full: the packet is lost
    kNoPeer,        // no such peer
    kNotPermitted,  // the permissions of the peer's socket do not allow it
  };

  // Sends one packet to the owner of `slot` without blocking.
  // An empty packet is not sent.
  SendResult Send(uint32_t slot, std::span<const iovec> packet);

  bool HasPacket() const;

  // Reads the next packet without blocking and returns the number of bytes read. A packet that does
  // not fit is truncated. Unavailable: no packet now.
  absl::StatusOr<size_t> Receive(const IoVector& to);

 private:
  struct Connection {
    UniqueFd fd;                   // does not block
    std::optional<uint32_t> slot;  // none: not connected
  };
  using Connections = std::array<Connection, kConnections>;

  PeerSockets(const SharedNetFile& file, UniqueFd fd, std::string name, Connections connections);

  // The connection to `slot`, or else the one to connect. It becomes the most recently used.
  Connection& Use(uint32_t slot);

  void RemoveOurSocket() const;

  const SharedNetFile& file_;
  const UniqueFd fd_;
  const std::string name_;                  // of our socket, in the directory of `file_`
  const DeadlySignalAction remove_socket_;  // a signal leaves no socket behind
  Connections connections_;                 // the most recently used first
};

}  // namespace lguest

#endif  // DEVICES_NET_PEER_SOCKETS_H_
