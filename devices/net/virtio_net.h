// The network of guests from Linux 2.6.24 on.

#ifndef DEVICES_NET_VIRTIO_NET_H_
#define DEVICES_NET_VIRTIO_NET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/net/packet_backend.h"
#include "devices/net/packet_link.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtqueue_port.h"
#include "launcher/base/log.h"
#include "launcher/guest/abi.h"

namespace lguest {

// A PacketLink on two virtqueues (VIRTIO_ABI.md §8.3). There is no offload: each packet is
// complete.
class VirtioNet final : public VirtioDevice {
 public:
  // `name`: in messages. `mac`: of the guest. `header_size`: of GuestAbi.
  VirtioNet(std::string name, std::unique_ptr<PacketBackend> backend, const NetPeer& mac,
            uint32_t header_size, LogSink log = nullptr);

  std::string name() const override { return link_.name(); }
  VirtioType type() const override { return VirtioType::kNet; }
  uint32_t queue_count() const override { return 2; }
  uint64_t features() const override { return kVirtioNetMac; }
  std::vector<std::byte> config() const override { return ConfigBytes(mac_); }
  void Attach(GuestMemory& memory, std::span<Virtqueue> queues) override;
  absl::Status Notify(uint32_t index) override;
  int input_fd() const override { return link_.fd(); }
  absl::StatusOr<Device::Input> Receive() override {
    return link_.Receive(*memory_, *input_, DmaKey());
  }

 private:
  PacketLink link_;
  const NetPeer mac_;
  const std::vector<std::byte> header_;  // of each packet to the guest
  GuestMemory* memory_ = nullptr;        // once attached
  Virtqueue* output_ = nullptr;          // likewise
  std::optional<VirtqueuePort> input_;   // likewise
  VirtqChain chain_;                     // of Notify()
};

}  // namespace lguest

#endif  // DEVICES_NET_VIRTIO_NET_H_
