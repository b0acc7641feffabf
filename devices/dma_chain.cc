#include "devices/dma_chain.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest {

DmaChain& DmaChain::operator=(const DmaChain& other) {
  address_ = other.address_;
  base_ = other.base_;
  count_ = other.count_;
  size_ = other.size_;
  std::copy_n(other.sections_.begin(), count_, sections_.begin());
  return *this;
}

absl::StatusOr<DmaChain> DmaChain::Load(GuestMemory& memory, GuestPhys dma) {
  absl::StatusOr<DmaChain> chain(absl::in_place);
  if (absl::Status filled = chain->Fill(memory, dma); !filled.ok()) chain = std::move(filled);
  return chain;
}

absl::Status DmaChain::Fill(GuestMemory& memory, GuestPhys dma) {
  // The one and only fetch of the structure: the guest, or another guest that shares the page it
  // lies in, may change it from now on.
  Dma copy;  // guest-controlled
  if (!memory.ReadBytes(dma, std::as_writable_bytes(std::span(&copy, 1))).ok()) {
    return absl::OutOfRangeError(absl::StrFormat("bad dma address 0x%x", dma.value()));
  }
  address_ = dma;
  base_ = reinterpret_cast<uintptr_t>(memory.base());
  uint32_t count = 0;
  uint32_t size = 0;  // at most 16 * 65535
  for (; count < kMaxDmaSections && copy.len[count] != 0; ++count) {
    const GuestPhys addr(copy.addr[count]);
    const uint32_t len = copy.len[count];
    if (!memory.Contains(addr, len)) {
      return absl::OutOfRangeError(
          absl::StrFormat("bad dma section %u: address 0x%x len %u", count, addr.value(), len));
    }
    sections_[count] = {.iov_base = reinterpret_cast<void*>(base_ + addr.value()), .iov_len = len};
    size += len;
  }
  count_ = count;
  size_ = size;
  return absl::OkStatus();
}

void DmaChain::NotifyWritten(GuestMemory& memory, uint32_t len) const {
  if (!memory.is_observed()) return;
  for (uint32_t i = 0; i < count_ && len != 0; ++i) {
    const uint32_t part = std::min(len, static_cast<uint32_t>(sections_[i].iov_len));
    memory.NotifyWritten(section_address(i), part);
    len -= part;
  }
}

}  // namespace lguest
