// The interface between a virtio device and the bus that connects it with the guest.

#ifndef DEVICES_VIRTIO_VIRTIO_DEVICE_H_
#define DEVICES_VIRTIO_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/device.h"
#include "devices/virtio/virtqueue.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {

// One device (VIRTIO_ABI.md §8), on any of the buses. An error of a method ends the guest, with the
// message as the reason; Cancelled ends the launcher. For a fault of the host (a full disk) a
// method returns no error.
//
// Not thread-safe: only the thread that runs the guest may call it.
class VirtioDevice {
 public:
  virtual ~VirtioDevice() = default;

  virtual std::string name() const = 0;  // in messages: "console", "block disk.img"
  virtual VirtioType type() const = 0;
  virtual uint32_t queue_count() const = 0;
  // Without those that every device has.
  virtual uint64_t features() const { return 0; }
  virtual std::vector<std::byte> config() const { return {}; }

  // Called once, before the guest starts. Memory and queues (as many as queue_count()) outlive the
  // device. The bus enables and disables the queues.
  virtual void Attach(GuestMemory& memory, std::span<Virtqueue> queues) = 0;

  // The guest has made buffers available in queue `index`.
  virtual absl::Status Notify(uint32_t index) = 0;

  // Output of a guest that has no driver yet. Of the console only.
  virtual absl::Status EarlyOutput(std::string_view /*text*/) { return absl::OkStatus(); }

  // See Device.
  virtual int input_fd() const { return -1; }
  virtual absl::StatusOr<Device::Input> Receive() { return Device::Input::kClosed; }
  virtual void Finish() {}
};

// The bytes of a configuration structure.
template <typename Config>
std::vector<std::byte> ConfigBytes(const Config& config) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(&config, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace lguest

#endif  // DEVICES_VIRTIO_VIRTIO_DEVICE_H_
