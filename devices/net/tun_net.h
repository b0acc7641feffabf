// The network device that connects a guest to its host (--tunnet).

#ifndef DEVICES_NET_TUN_NET_H_
#define DEVICES_NET_TUN_NET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/bus/device.h"
#include "devices/net/packet_backend.h"
#include "launcher/base/log.h"
#include "launcher/guest/abi.h"

namespace lguest {

// Slot 0 of the page is the host, in promiscuous mode; slot 1 is the guest. A packet that does not
// fit into the guest's buffer, or that the backend refuses, is dropped, which is logged once per
// cause; the guest continues. While the guest has no buffer, packets wait in the backend's queue,
// which drops packets when it is full.
class TunNet final : public Device {
 public:
  static constexpr uint32_t kHostSlot = 0;
  static constexpr uint32_t kGuestSlot = 1;

  // `label`: the network's name in messages.
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
  std::vector<std::byte> overflow_;  // receives the bytes that do not fit into the guest's buffer
  LogOnce sending_log_;
  LogOnce receiving_log_;
  LogOnce too_long_log_;
  GuestMemory* memory_ = nullptr;  // once attached
  GuestPhys page_;
  // IsReadable() returned true after a packet, and no Read() has failed since.
  bool in_burst_ = false;
};

}  // namespace lguest

#endif  // DEVICES_NET_TUN_NET_H_
