// The table of devices that the launcher put above RAM, and DMA bindings (ABI.md §1.7, §4.11).

#ifndef TESTDATA_GUEST_DEVICES_H_
#define TESTDATA_GUEST_DEVICES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "launcher/guest/abi.h"

namespace guest {

// Where the kernel sees a page above RAM.
uint32_t DeviceAddress(uint32_t page);

struct Device {
  lguest::DeviceDescriptor* descriptor;
  uint32_t irq;

  // Guest-physical address of its first page; its DMA key too.
  uint32_t page() const;

  // The page itself.
  template <typename T>
  T* memory() const {
    return reinterpret_cast<T*>(DeviceAddress(page()));
  }
};

// Maps the descriptor page and the pages of all devices. The kernel's own page tables must be in
// force.
void MapDevices();

// The `index`-th device of this type.
std::optional<Device> FindDevice(lguest::DeviceType type, uint32_t index = 0);

// The table itself; an unused entry has type 0.
std::span<lguest::DeviceDescriptor> DeviceTable();

// Tells the launcher that the device has found its driver.
void AcceptDevice(const Device& device);

// Offers buffers to whoever sends to this key; false when the host has no room.
bool BindDma(uint32_t key, std::span<lguest::Dma> buffers, uint32_t irq);
void UnbindDma(uint32_t key, std::span<lguest::Dma> buffers);

// Names memory of the kernel's linear map, page by page: no section may cross a page's end when
// another guest is at the other end. At most 16 sections, the rest is left out.
lguest::Dma MakeDma(std::span<const std::byte> memory);

template <typename T>
lguest::Dma MakeDma(std::span<T> memory) {
  return MakeDma(std::as_bytes(memory));
}

void SendDma(uint32_t key, const lguest::Dma& dma);

}  // namespace guest

#endif  // TESTDATA_GUEST_DEVICES_H_
