// A validated list of the pieces of guest memory that one transfer uses.

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

// The most pieces of one transfer: an lguest_dma has 16, a chain of a virtqueue up to this number
// (VIRTIO_ABI.md §7.3).
inline constexpr uint32_t kMaxChainPieces = 256;

// The sections of one lguest_dma (ABI.md §1.1), or the pieces of one chain of a virtqueue. The list
// is copied out of guest memory once and checked: each section lies in guest memory, even if the
// guest changes the lguest_dma afterwards. The guest may change the bytes of the sections at any
// time.
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

  // Makes the chain empty, for Append().
  void Clear(const GuestMemory& memory);

  // Adds a piece that is not empty. OutOfRange, with address and length, when it is not in guest
  // memory; InvalidArgument for more than kMaxChainPieces pieces or 4 GB.
  absl::Status Append(const GuestMemory& memory, GuestPhys addr, uint32_t len);

  // Removes the first or last `len` bytes (at most size()).
  void DropFront(uint32_t len);
  void DropBack(uint32_t len);

  // Copies the first bytes out of or into guest memory. The chain has so many.
  void Read(const GuestMemory& memory, std::span<std::byte> to) const;
  void Write(GuestMemory& memory, std::span<const std::byte> from) const;

  GuestPhys address() const { return address_; }  // of the lguest_dma itself, if there is one

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
  uint32_t count_ = 0;
  uint32_t size_ = 0;
  std::array<iovec, kMaxChainPieces> sections_;  // last: most chains use only its start
};

}  // namespace lguest

#endif  // DEVICES_BUS_DMA_CHAIN_H_
