// The devices of the guest, on the bus of its generation (VIRTIO_ABI.md §6, §9).

#ifndef TESTDATA_VIRTIO_GUEST_DEVICES_H_
#define TESTDATA_VIRTIO_GUEST_DEVICES_H_

#include <cstdint>

#include "launcher/guest/virtio_abi.h"
#include "testdata/virtio_guest/virtqueue.h"

namespace guest {

struct Device {
  lguest::VirtioType type = lguest::VirtioType::kNone;
  uint32_t queues = 0;
  Virtqueue queue[2];
  uint32_t irq[2] = {};
  uint64_t offered = 0;
  uint64_t accepted = 0;

  // Of the bus: virtual addresses of the descriptor or of BAR 0, and of the configuration.
  uint32_t base = 0;
  uint32_t base_phys = 0;
  uint32_t config = 0;
};

// Finds all devices, accepts features and starts their queues. `ram`: bytes.
void InitDevices(uint32_t ram);

// The first device of a type; nullptr: none.
Device* FindDevice(lguest::VirtioType type);

// Tells the device of new buffers.
void NotifyDevice(Device& device, uint32_t queue);

// Adds a chain, notifies the device and waits until it is returned. Returns the length that the
// device gave; ~0: it was not returned within a second.
uint32_t Transfer(Device& device, uint32_t queue, std::span<const Piece> pieces);

// Resets the device and starts it again.
void ResetDevice(Device& device);

// Text before there is a driver.
void EarlyPrint(const char* text, uint32_t ram);

// Device memory: a `mov` of 1, 2 or 4 bytes. The compiler would also use other instructions.
template <typename T>
T ReadRegister(uint32_t address) {
  T value;
  asm volatile("mov %1, %0" : "=q"(value) : "m"(*reinterpret_cast<T*>(address)));
  return value;
}
template <typename T>
void WriteRegister(uint32_t address, T value) {
  asm volatile("mov %1, %0" : "=m"(*reinterpret_cast<T*>(address)) : "q"(value) : "memory");
}

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_DEVICES_H_
