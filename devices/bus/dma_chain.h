// One DMA of the guest, checked.

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

// The sections of one lguest_dma (ABI.md §1.1), copied out of guest memory once and checked: each
// lies in guest memory, whatever the guest writes to the lguest_dma afterwards. What the sections
// hold may change at any time.
class DmaChain {
 public:
  // No sections. (Written out so that the array is left as it is: of it, only what there is counts.
  // Clearing and copying the rest would take longer than all that a device does.)
  DmaChain() {}
  DmaChain(const DmaChain& other) { *this = other; }
  DmaChain& operator=(const DmaChain& other);

  // OutOfRange, naming address and length, when the structure or a section is not in guest memory.
  // `memory` has to outlive the chain.
  static absl::StatusOr<DmaChain> Load(GuestMemory& memory, GuestPhys dma);

  // The same for a chain that is there already. After an error it is none.
  absl::Status Fill(GuestMemory& memory, GuestPhys dma);

  GuestPhys address() const { return address_; }  // of the lguest_dma itself

  // The sections in order, ready for readv() and writev(). None is empty.
  std::span<const iovec> sections() const { return {sections_.data(), count_}; }

  // Where section `index` (< sections().size()) lies for the guest.
  GuestPhys section_address(size_t index) const {
    const auto addr = reinterpret_cast<uintptr_t>(sections_[index].iov_base);
    return GuestPhys(static_cast<uint32_t>(addr - base_));
  }

  uint32_t size() const { return size_; }  // bytes of all sections

  // The launcher has put data into the first `len` bytes: tells who has to know. `len` beyond
  // size() means all of it.
  void NotifyWritten(GuestMemory& memory, uint32_t len) const;

 private:
  GuestPhys address_;
  uintptr_t base_ = 0;  // of the memory that the sections lie in
  std::array<iovec, kMaxDmaSections> sections_;
  uint32_t count_ = 0;
  uint32_t size_ = 0;
};

}  // namespace lguest

#endif  // DEVICES_BUS_DMA_CHAIN_H_
