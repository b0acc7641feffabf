#include "devices/dma_chain.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest {

absl::StatusOr<DmaChain> DmaChain::Load(GuestMemory& memory, GuestPhys dma) {
  // The one and only fetch of the structure: the guest, or another guest that shares the page it
  // lies in, may change it from now on.
  const absl::StatusOr<Dma> copy = memory.Read<Dma>(dma);  // guest-controlled
  if (!copy.ok()) {
    return absl::OutOfRangeError(absl::StrFormat("bad dma address 0x%x", dma.value()));
  }
  DmaChain chain;
  chain.address_ = dma;
  for (uint32_t i = 0; i < kMaxDmaSections && copy->len[i] != 0; ++i) {
    const GuestPhys addr(copy->addr[i]);
    const uint32_t len = copy->len[i];
    const absl::StatusOr<std::span<std::byte>> range = memory.MutableRange(addr, len);
    if (!range.ok()) {
      return absl::OutOfRangeError(
          absl::StrFormat("bad dma section %u: address 0x%x len %u", i, addr.value(), len));
    }
    chain.sections_[i] = {.iov_base = range->data(), .iov_len = len};
    chain.addresses_[i] = addr;
    chain.size_ += len;  // at most 16 * 65535
    ++chain.count_;
  }
  return chain;
}

void DmaChain::NotifyWritten(GuestMemory& memory, uint32_t len) const {
  for (uint32_t i = 0; i < count_ && len != 0; ++i) {
    const uint32_t part = std::min(len, static_cast<uint32_t>(sections_[i].iov_len));
    memory.NotifyWritten(addresses_[i], part);
    len -= part;
  }
}

}  // namespace lguest
