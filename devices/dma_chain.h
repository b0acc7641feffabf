// One DMA of the guest, checked.

#ifndef DEVICES_DMA_CHAIN_H_
#define DEVICES_DMA_CHAIN_H_

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// The sections of one lguest_dma (lguest interface, section 1), copied out of guest memory once and checked: each lies
// in guest memory, whatever the guest writes there afterwards. What the sections hold may change at any time.
class DmaChain {
 public:
  // OutOfRange, naming the section's address and length, when the structure or a section is not in guest memory.
  static absl::StatusOr<DmaChain> Load(GuestMemory& memory, GuestPhys dma);

  GuestPhys address() const { return address_; }  // of the lguest_dma itself

  // The sections in order, ready for readv() and writev().
  std::span<const iovec> sections() const { return {sections_.data(), count_}; }
  uint32_t size() const { return size_; }  // bytes of all sections

  // The launcher has put data into the first `len` bytes: tells who has to know.
  void NotifyWritten(GuestMemory& memory, uint32_t len) const;

 private:
  GuestPhys address_;
  std::array<iovec, kMaxDmaSections> sections_;
  std::array<GuestPhys, kMaxDmaSections> addresses_;
  uint32_t count_ = 0;
  uint32_t size_ = 0;
};

}  // namespace lguest

#endif  // DEVICES_DMA_CHAIN_H_
