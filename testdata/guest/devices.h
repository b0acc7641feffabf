// The device table that the launcher puts above RAM, and DMA bindings (ABI.md §1.7, §4.11).

#ifndef TESTDATA_GUEST_DEVICES_H_
#define TESTDATA_GUEST_DEVICES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "launcher/guest/abi.h"

namespace guest {

// Returns the kernel's virtual address of a page above RAM.
uint32_t DeviceAddress(uint32_t page);

struct Device {
  lguest::DeviceDescriptor* descriptor;
  uint32_t irq;

  // Guest-physical address of the first page. It is also the device's DMA key.
  uint32_t page() const;

  // The contents of the page.
  template <typename T>
  T* memory() const {
    return reinterpret_cast<T*>(DeviceAddress(page()));
  }
};

// Maps the descriptor page and the pages of all devices. The kernel's own page tables must be
// active.
void MapDevices();

// Returns the device number `index` of this type.
std::optional<Device> FindDevice(lguest::DeviceType type, uint32_t index = 0);

// Returns the table. An unused entry has type 0.
std::span<lguest::DeviceDescriptor> DeviceTable();

// Tells the launcher that the device has a driver.
void AcceptDevice(const Device& device);

// Binds receive buffers to `key`. Returns false if the host has no room.
bool BindDma(uint32_t key, std::span<lguest::Dma> buffers, uint32_t irq);
void UnbindDma(uint32_t key, std::span<lguest::Dma> buffers);

// Describes memory in the kernel's linear map, one section per page: a section must not cross a
// page boundary if the receiver is another guest. Memory beyond 16 sections is left out.
lguest::Dma MakeDma(std::span<const std::byte> memory);

template <typename T>
lguest::Dma MakeDma(std::span<T> memory) {
  return MakeDma(std::as_bytes(memory));
}

void SendDma(uint32_t key, const lguest::Dma& dma);

}  // namespace guest

#endif  // TESTDATA_GUEST_DEVICES_H_
