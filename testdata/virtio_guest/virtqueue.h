// The driver's side of a split virtqueue (VIRTIO_ABI.md §7).

#ifndef TESTDATA_VIRTIO_GUEST_VIRTQUEUE_H_
#define TESTDATA_VIRTIO_GUEST_VIRTQUEUE_H_

#include <cstdint>
#include <span>

#include "launcher/guest/virtio_abi.h"

namespace guest {

struct Piece {
  const void* data;  // in the linear map
  uint32_t size;
  bool is_writable = false;
};

// One request is out at a time.
class Virtqueue {
 public:
  static constexpr uint32_t kSize = 256;
  static constexpr uint32_t kPages = 3;

  // `address`: three pages; `phys`: the same.
  Virtqueue(uint32_t address, uint32_t phys) : address_(address), phys_(phys) {}
  Virtqueue() = default;

  uint32_t descriptors() const { return phys_; }
  uint32_t available() const { return phys_ + 4096; }
  uint32_t used() const { return phys_ + 2 * 4096; }

  // Makes a chain available. The caller then notifies the device.
  void Add(std::span<const Piece> pieces);

  // Whether the device has returned a chain that Take() has not taken.
  bool HasUsed() const;
  // The length that the device gave for it.
  uint32_t Take();

  // For rings that break rules.
  lguest::VirtqDescriptor& descriptor(uint32_t index);
  volatile uint16_t& available_word(uint32_t index);  // flags, index, heads

 private:
  volatile uint16_t& used_word(uint32_t index) const;

  uint32_t address_ = 0;
  uint32_t phys_ = 0;
  uint16_t available_ = 0;
  uint16_t used_ = 0;
};

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_VIRTQUEUE_H_
