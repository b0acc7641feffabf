// A virtio device for tests of buses.

#ifndef DEVICES_TESTING_FAKE_VIRTIO_DEVICE_H_
#define DEVICES_TESTING_FAKE_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devices/virtio/virtio_device.h"

namespace lguest {

// What a FakeVirtioDevice has been told. Outlives the device.
struct VirtioDeviceLog {
  std::vector<uint32_t> notified;
  std::string early_output;
  std::span<Virtqueue> queues;
};

class FakeVirtioDevice final : public VirtioDevice {
 public:
  FakeVirtioDevice(VirtioType type, uint32_t queues, VirtioDeviceLog& log)
      : type_(type), queues_(queues), log_(log) {}

  std::string name() const override { return "fake"; }
  VirtioType type() const override { return type_; }
  uint32_t queue_count() const override { return queues_; }
  uint64_t features() const override { return 0x24; }
  std::vector<std::byte> config() const override {
    return ConfigBytes(VirtioBlockConfig{
        .sectors = 0x1122334455, .segment_size_max = 0, .segments_max = 0x66778899});
  }
  void Attach(GuestMemory& /*memory*/, std::span<Virtqueue> queues) override {
    log_.queues = queues;
  }
  absl::Status Notify(uint32_t index) override {
    log_.notified.push_back(index);
    return absl::OkStatus();
  }
  absl::Status EarlyOutput(std::string_view text) override {
    log_.early_output += text;
    return absl::OkStatus();
  }

 private:
  const VirtioType type_;
  const uint32_t queues_;
  VirtioDeviceLog& log_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_VIRTIO_DEVICE_H_
