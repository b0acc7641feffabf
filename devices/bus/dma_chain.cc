#include "devices/bus/dma_chain.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest {
namespace {

absl::Status BadSection(uint32_t index, GuestPhys addr, uint32_t len) {
  return absl::OutOfRangeError(
      absl::StrFormat("bad dma section %u: address 0x%x len %u", index, addr.value(), len));
}

}  // namespace

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
  if (!memory.Contains(dma, sizeof(Dma))) {
    return absl::OutOfRangeError(absl::StrFormat("bad dma address 0x%x", dma.value()));
  }
  address_ = dma;
  base_ = reinterpret_cast<uintptr_t>(memory.base());
  // Each field is fetched exactly once: the guest, or another guest that shares the page, may
  // change it at any time.
  GuestPhys addr_field(dma.value() + static_cast<uint32_t>(offsetof(Dma, addr)));
  GuestPhys len_field(dma.value() + static_cast<uint32_t>(offsetof(Dma, len)));
  uint32_t count = 0;
  uint32_t size = 0;  // at most 16 * 65535
  while (count < kMaxDmaSections) {
    const uint32_t len = memory.Fetch<uint16_t>(len_field);  // guest-controlled
    if (len == 0) break;
    const auto addr = memory.Fetch<GuestPhys>(addr_field);  // guest-controlled
    if (!memory.Contains(addr, len)) return BadSection(count, addr, len);
    sections_[count] = {.iov_base = reinterpret_cast<void*>(base_ + addr.value()), .iov_len = len};
    size += len;
    ++count;
    addr_field = GuestPhys(addr_field.value() + static_cast<uint32_t>(sizeof(uint32_t)));
    len_field = GuestPhys(len_field.value() + static_cast<uint32_t>(sizeof(uint16_t)));
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
