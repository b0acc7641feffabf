// The configuration space of a virtio PCI function.

#ifndef DEVICES_VIRTIO_PCI_CONFIG_H_
#define DEVICES_VIRTIO_PCI_CONFIG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "launcher/guest/address.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {

inline constexpr uint32_t kPciConfigSize = 256;
inline constexpr uint32_t kPciBarSize = kPageSize;  // a page: the host decides by pages

// The 256 bytes (VIRTIO_ABI.md §9.2, §9.3). Knows nothing of what is in the BAR.
class PciConfig {
 public:
  PciConfig(VirtioType type, uint32_t irq, GuestPhys bar, uint32_t device_config_size);

  // `offset` + `size` <= kPciConfigSize, and `size` is at most 4.
  uint32_t Read(uint32_t offset, uint32_t size) const;
  // Writes to registers that are read-only have no effect.
  void Write(uint32_t offset, uint32_t size, uint32_t value);

  GuestPhys bar() const;

  // The access to the BAR that an access to these bytes means, through the window; nullopt: none.
  struct Window {
    uint32_t bar = 0;
    uint32_t offset = 0;
    uint32_t length = 0;
  };
  std::optional<Window> WindowAt(uint32_t offset) const;
  // The bytes that the window has last been written.
  uint32_t window_data() const;

 private:
  void AddCapability(uint32_t at, uint8_t next, uint8_t size, PciCapabilityType type,
                     uint32_t offset, uint32_t length);

  std::array<std::byte, kPciConfigSize> bytes_ = {};
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_PCI_CONFIG_H_
