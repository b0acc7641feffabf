#include "testdata/virtio_guest/devices.h"

#include "testdata/guest/memory.h"
#include "testdata/virtio_guest/bus.h"
#include "testdata/virtio_guest/traps.h"

namespace guest {
namespace {

Device devices[kMostDevices];
uint32_t device_count;

}  // namespace

Device& AddDevice() { return devices[device_count < kMostDevices ? device_count++ : 0]; }

Device* FindDevice(lguest::VirtioType type) {
  for (uint32_t i = 0; i < device_count; ++i) {
    if (devices[i].type == type) return &devices[i];
  }
  return nullptr;
}

uint32_t Transfer(Device& device, uint32_t queue, std::span<const Piece> pieces) {
  device.queue[queue].Add(pieces);
  NotifyDevice(device, queue);
  if (!WaitFor([&] { return device.queue[queue].HasUsed(); })) return ~0u;
  return device.queue[queue].Take();
}

}  // namespace guest
