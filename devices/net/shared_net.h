// A network among guests.

#ifndef DEVICES_NET_SHARED_NET_H_
#define DEVICES_NET_SHARED_NET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/bus/device.h"
#include "devices/net/peer_sockets.h"
#include "devices/net/shared_net_file.h"
#include "launcher/base/log.h"

namespace lguest {

// The page of a SharedNetFile in a guest. Packets go from guest to guest: sections within one page,
// the receiver's buffer filled and what is too much cut (ABI.md §2.8).
//
// The real /dev/lguest moves them by itself, for the page is shared memory; on a software host
// PeerSockets do. There the sender's used_len is what has been sent, not what the receiver had room
// for: that is known only later, to another process. A packet waits for a buffer instead of being
// tried twice, and takes the first that is free; as with the real host the receiver's interrupt is
// raised also when it has none, for it may have some to free.
class SharedNet final : public Device {
 public:
  // `sockets`: nullptr where the host moves the packets. They belong to `file`.
  SharedNet(std::unique_ptr<SharedNetFile> file, std::unique_ptr<PeerSockets> sockets,
            LogSink log = nullptr);

  std::string name() const override;
  DeviceType type() const override { return DeviceType::kNet; }
  uint16_t features() const override;
  uint16_t num_pages() const override { return 1; }
  absl::Status Attach(GuestMemory& memory, const DevicePlace& place) override;
  std::vector<DmaKey> output_keys() const override;
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                               DmaPort& port) override;
  int input_fd() const override { return sockets_ == nullptr ? -1 : sockets_->fd(); }
  absl::StatusOr<Input> Receive(DmaPort& port) override;

 private:
  // A packet may be waiting that the guest has no buffer for.
  absl::Status InterruptWithoutBuffer(DmaPort& port);

  const std::unique_ptr<SharedNetFile> file_;
  const std::unique_ptr<PeerSockets> sockets_;  // goes before the file
  LogOnce log_;
  GuestPhys page_;                           // once attached
  std::optional<uint32_t> irq_;              // of the buffers, once there was one
  bool interrupted_without_buffer_ = false;  // since there was one
};

}  // namespace lguest

#endif  // DEVICES_NET_SHARED_NET_H_
