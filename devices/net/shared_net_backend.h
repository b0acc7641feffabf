// A PacketBackend on a shared network: the switch of a guest that has no page of it.

#ifndef DEVICES_NET_SHARED_NET_BACKEND_H_
#define DEVICES_NET_SHARED_NET_BACKEND_H_

#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/net/packet_backend.h"
#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net_file.h"
#include "launcher/guest/abi.h"

namespace lguest {

// A guest of Linux 2.6.23 has the network's page and chooses the receivers of a packet itself
// (ABI.md §4.21). For later guests this class does: each packet goes to the slots whose MAC is its
// destination, to promiscuous slots, and to all if it is a broadcast or multicast.
class SharedNetBackend final : public PacketBackend {
 public:
  // Enters `mac`, the guest's, into the slot of `file`.
  static absl::StatusOr<std::unique_ptr<SharedNetBackend>> Open(std::unique_ptr<SharedNetFile> file,
                                                                const NetPeer& mac);

  int fd() const override { return sockets_->fd(); }
  NetPeer mac() const override { return {}; }  // the other end is many
  bool IsReadable() const override { return sockets_->HasPacket(); }
  absl::StatusOr<size_t> Read(const IoVector& to) override { return sockets_->Receive(to); }
  absl::Status Write(std::span<const iovec> packet) override;

 private:
  SharedNetBackend(std::unique_ptr<SharedNetFile> file, std::unique_ptr<PeerSockets> sockets);

  const std::unique_ptr<SharedNetFile> file_;
  const std::unique_ptr<PeerSockets> sockets_;  // destroyed before `file_`
};

}  // namespace lguest

#endif  // DEVICES_NET_SHARED_NET_BACKEND_H_
