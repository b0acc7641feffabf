// The network device that connects guests (--sharenet).

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

// Maps the page of a SharedNetFile into a guest. Packets go from guest to guest. Each section lies
// within one page. A packet that exceeds the receiver's buffer is truncated (ABI.md §2.8).
//
// The real /dev/lguest moves the packets itself, because the page is shared memory; on a software
// host PeerSockets moves them. This differs from the real host in two points. The sender's used_len
// is the number of bytes sent, not the number that fit: only the receiving process knows that, and
// later. A packet waits for the first free buffer, while the real host retries once. As on the real
// host, the receiver's interrupt is raised also when it has no free buffer, because it may have
// buffers to free.
class SharedNet final : public Device {
 public:
  // `sockets`: of `file`; nullptr when the host moves the packets.
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
  // Raises the interrupt once when a packet waits and the guest has no buffer.
  absl::Status InterruptWithoutBuffer(DmaPort& port);

  const std::unique_ptr<SharedNetFile> file_;
  const std::unique_ptr<PeerSockets> sockets_;  // destroyed before `file_`
  LogOnce log_;
  GuestMemory* memory_ = nullptr;  // once attached
  GuestPhys page_;
  std::optional<uint32_t> irq_;              // of the receive buffers; set by the first buffer
  bool interrupted_without_buffer_ = false;  // since the last buffer
};

}  // namespace lguest

#endif  // DEVICES_NET_SHARED_NET_H_
