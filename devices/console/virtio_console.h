// The console of guests from Linux 2.6.24 on.

#ifndef DEVICES_CONSOLE_VIRTIO_CONSOLE_H_
#define DEVICES_CONSOLE_VIRTIO_CONSOLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devices/console/console.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtqueue_port.h"

namespace lguest {

// A Console on two virtqueues (VIRTIO_ABI.md §8.1).
class VirtioConsole final : public VirtioDevice {
 public:
  explicit VirtioConsole(std::unique_ptr<Console> console) : console_(std::move(console)) {}

  std::string name() const override { return console_->name(); }
  VirtioType type() const override { return VirtioType::kConsole; }
  uint32_t queue_count() const override { return 2; }
  uint64_t features() const override { return kVirtioConsoleEmergencyWrite; }
  std::vector<std::byte> config() const override { return ConfigBytes(VirtioConsoleConfig{}); }
  void Attach(GuestMemory& memory, std::span<Virtqueue> queues) override;
  absl::Status Notify(uint32_t index) override;
  absl::Status EarlyOutput(std::string_view text) override;
  int input_fd() const override { return console_->input_fd(); }
  absl::StatusOr<Device::Input> Receive() override { return console_->Receive(*input_); }
  void Finish() override { console_->Finish(); }

 private:
  const std::unique_ptr<Console> console_;
  Virtqueue* output_ = nullptr;         // once attached
  std::optional<VirtqueuePort> input_;  // likewise
  VirtqChain chain_;                    // of Notify()
};

}  // namespace lguest

#endif  // DEVICES_CONSOLE_VIRTIO_CONSOLE_H_
