// Writes the descriptors of devices for guests of Linux 2.6.24 to 3.19.

#ifndef DEVICES_VIRTIO_DESCRIPTOR_PAGE_H_
#define DEVICES_VIRTIO_DESCRIPTOR_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/virtio/virtio_device.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {

// A descriptor, or the record of 2.6.24.
struct EncodedDescriptor {
  std::vector<std::byte> bytes;
  uint32_t status_offset = 0;
  uint32_t accepted_offset = 0;  // of the features that the guest accepts; 0: it cannot say so
  uint32_t accepted_size = 0;
};

// The features that every device has on this bus.
inline constexpr uint64_t kBusFeatures = kVirtioIndirect;

// `queues`: as many as the device has. `format`: kRecords or kDescriptors (VIRTIO_ABI.md §6.1,
// §6.2).
EncodedDescriptor EncodeDescriptor(const VirtioDevice& device, std::span<const BusQueue> queues,
                                   DeviceInterface format);

}  // namespace lguest

#endif  // DEVICES_VIRTIO_DESCRIPTOR_PAGE_H_
