// A validated copy of the section list of one guest DMA.

#ifndef DEVICES_BUS_DMA_CHAIN_H_
#define DEVICES_BUS_DMA_CHAIN_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// The sections of one lguest_dma (ABI.md §1.1). The list is copied out of guest memory once and
// checked: each section lies in guest memory, even if the guest changes the lguest_dma afterwards.
// The guest may change the bytes of the sections at any time.
class DmaChain {
 public:
  // No sections. The constructor leaves `sections_` uninitialized, and a copy takes only the used
  // entries: to clear and copy the whole array costs more than the work of a device.
  DmaChain() {}
  DmaChain(const DmaChain& other) { *this = other; }
  DmaChain& operator=(const DmaChain& other);

  // OutOfRange, with address and length, when the structure or a section is not in guest memory.
  // `memory` must outlive the chain.
  static absl::StatusOr<DmaChain> Load(GuestMemory& memory, GuestPhys dma);

  // Like Load(), but into this object, which may be reused. After an error its contents are
  // unspecified.
  absl::Status Fill(GuestMemory& memory, GuestPhys dma);

  GuestPhys address() const { return address_; }  // of the lguest_dma itself

  // The sections in order, ready for readv() and writev(). None is empty.
  std::span<const iovec> sections() const { return {sections_.data(), count_}; }

  // The guest-physical address of section `index` (< sections().size()).
  GuestPhys section_address(size_t index) const {
    const auto addr = reinterpret_cast<uintptr_t>(sections_[index].iov_base);
    return GuestPhys(static_cast<uint32_t>(addr - base_));
  }

  uint32_t size() const { return size_; }  // bytes, the sum of all sections

  // Call after writing to the first `len` bytes: notifies the WriteObserver of `memory`. A `len`
  // beyond size() means all bytes.
  void NotifyWritten(GuestMemory& memory, uint32_t len) const;

 private:
  GuestPhys address_;
  uintptr_t base_ = 0;  // launcher address of guest-physical 0
  std::array<iovec, kMaxDmaSections> sections_;
  uint32_t count_ = 0;
  uint32_t size_ = 0;
};

}  // namespace lguest

#endif  // DEVICES_BUS_DMA_CHAIN_H_
