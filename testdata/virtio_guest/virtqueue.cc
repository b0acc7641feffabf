#include "testdata/virtio_guest/virtqueue.h"

#include "testdata/guest/memory.h"

namespace guest {

lguest::VirtqDescriptor& Virtqueue::descriptor(uint32_t index) {
  return reinterpret_cast<lguest::VirtqDescriptor*>(address_)[index];
}

volatile uint16_t& Virtqueue::available_word(uint32_t index) {
  return reinterpret_cast<volatile uint16_t*>(address_ + kPageSize)[index];
}

volatile uint16_t& Virtqueue::used_word(uint32_t index) const {
  return reinterpret_cast<volatile uint16_t*>(address_ + 2 * kPageSize)[index];
}

void Virtqueue::Add(std::span<const Piece> pieces) {
  for (uint32_t i = 0; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    descriptor(i) = {
        .address = ToPhys(pieces[i].data),
        .length = pieces[i].size,
        .flags = static_cast<uint16_t>((is_last ? 0 : lguest::kVirtqNext) |
                                       (pieces[i].is_writable ? lguest::kVirtqWrite : 0)),
        .next = static_cast<uint16_t>(i + 1)};
  }
  available_word(2 + available_ % kSize) = 0;
  asm volatile("" : : : "memory");
  available_word(1) = ++available_;
}

bool Virtqueue::HasUsed() const { return used_word(1) != used_; }

uint32_t Virtqueue::Take() {
  const uint32_t entry = 2 + 4 * (used_++ % kSize);
  return used_word(entry + 2) | uint32_t{used_word(entry + 3)} << 16;
}

}  // namespace guest
