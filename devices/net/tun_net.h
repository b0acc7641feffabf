// The network device that connects a guest to its host (--tunnet).

#ifndef DEVICES_NET_TUN_NET_H_
#define DEVICES_NET_TUN_NET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/bus/device.h"
#include "devices/net/packet_backend.h"
#include "devices/net/packet_link.h"
#include "launcher/base/log.h"
#include "launcher/guest/abi.h"

namespace lguest {

// A PacketLink on a page. Slot 0 of the page is the host, in promiscuous mode; slot 1 is the guest.
class TunNet final : public Device {
 public:
  static constexpr uint32_t kHostSlot = 0;
  static constexpr uint32_t kGuestSlot = 1;

  // `label`: the network's name in messages.
  TunNet(const std::string& label, std::unique_ptr<PacketBackend> backend, LogSink log = nullptr);

  std::string name() const override { return link_.name(); }
  DeviceType type() const override { return DeviceType::kNet; }
  uint16_t features() const override { return kGuestSlot | kDeviceFeatureRandomness; }
  uint16_t num_pages() const override { return 1; }
  absl::Status Attach(GuestMemory& memory, const DevicePlace& place) override;
  std::vector<DmaKey> output_keys() const override { return {NetSlotKey(page_, kHostSlot)}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                               DmaPort& port) override;
  int input_fd() const override { return link_.fd(); }
  absl::StatusOr<Input> Receive(DmaPort& port) override {
    return link_.Receive(*memory_, port, NetSlotKey(page_, kGuestSlot));
  }

 private:
  PacketLink link_;
  GuestMemory* memory_ = nullptr;  // once attached
  GuestPhys page_;
};

}  // namespace lguest

#endif  // DEVICES_NET_TUN_NET_H_
