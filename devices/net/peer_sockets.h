// How guests of different processes reach each other where no kernel does it for them.

#ifndef DEVICES_NET_PEER_SOCKETS_H_
#define DEVICES_NET_PEER_SOCKETS_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/io_vector.h"
#include "devices/net/shared_net_file.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

// One Unix datagram socket for each slot of a network, in the directory of its file and with its
// permissions; one packet is one datagram. The name is made of the file's inode and the slot, so
// that a file's sockets are found whatever it is called. Only the owner of a slot makes, and
// removes, the slot's socket. A peer that was sent something stays connected, so that its name is
// looked up once and not for each packet: at most one descriptor for each slot.
class PeerSockets {
 public:
  // `file` has to outlive the sockets. Messages name the directory and the cause.
  static absl::StatusOr<std::unique_ptr<PeerSockets>> Open(const SharedNetFile& file);

  ~PeerSockets();
  PeerSockets(const PeerSockets&) = delete;
  PeerSockets& operator=(const PeerSockets&) = delete;

  int fd() const { return fd_.get(); }  // readable when there is a packet for our slot

  enum class SendResult : uint8_t {
    kSent,
    kQueueFull,     // too many wait for the peer already: lost
    kNoPeer,        // no such peer
    kNotPermitted,  // we are not allowed to
  };

  // Sends one packet to the owner of `slot`, without waiting.
  SendResult Send(uint32_t slot, std::span<const iovec> packet);

  bool HasPacket() const;

  // Takes the next packet, without waiting; returns how many bytes fit, the rest is cut.
  // Unavailable: there is none just now.
  absl::StatusOr<size_t> Receive(const IoVector& to);

 private:
  PeerSockets(const SharedNetFile& file, UniqueFd fd) : file_(file), fd_(std::move(fd)) {}

  const SharedNetFile& file_;
  const UniqueFd fd_;
  std::map<uint32_t, UniqueFd> peers_;  // by slot; connected, or none
};

}  // namespace lguest

#endif  // DEVICES_NET_PEER_SOCKETS_H_
