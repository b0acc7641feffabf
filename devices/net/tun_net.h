// A network between a guest and its host.

#ifndef DEVICES_NET_TUN_NET_H_
#define DEVICES_NET_TUN_NET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/bus/device.h"
#include "devices/net/net_slot.h"
#include "devices/net/packet_backend.h"
#include "launcher/base/log.h"

namespace lguest {

// Slot 0 of its page is the host's end, which wants every packet; slot 1 is the guest's. A packet
// that does not fit into the guest's buffer, or that the host's end refuses, is dropped and
// counted; the guest lives on without network as long as that lasts. While the guest has no buffer,
// packets wait in the host's queue, which drops what is too much.
class TunNet final : public Device {
 public:
  static constexpr uint32_t kHostSlot = 0;
  static constexpr uint32_t kGuestSlot = 1;

  // `label`: the network's name for the user.
  TunNet(std::string label, std::unique_ptr<PacketBackend> backend, LogSink log = nullptr);

  std::string name() const override;
  DeviceType type() const override { return DeviceType::kNet; }
  uint16_t features() const override { return kGuestSlot | kDeviceFeatureRandomness; }
  uint16_t num_pages() const override { return 1; }
  absl::Status Attach(GuestMemory& memory, const DevicePlace& place) override;
  std::vector<DmaKey> output_keys() const override { return {NetSlotKey(page_, kHostSlot)}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                               DmaPort& port) override;
  int input_fd() const override { return backend_->fd(); }
  absl::StatusOr<Input> Receive(DmaPort& port) override;

 private:
  absl::StatusOr<Input> ReleaseBuffer(DmaPort& port, const DmaPort::Buffer& buffer, Input input);

  const std::string label_;
  const std::unique_ptr<PacketBackend> backend_;
  std::vector<std::byte> overflow_;  // takes what the guest's buffer has no room for
  LogOnce sending_log_;
  LogOnce receiving_log_;
  LogOnce too_long_log_;
  GuestMemory* memory_ = nullptr;  // once attached
  GuestPhys page_;
  bool in_burst_ = false;  // packets came together, and have not yet come to an end
};

}  // namespace lguest

#endif  // DEVICES_NET_TUN_NET_H_
