#include "devices/bus/dma_chain.h"

#include <algorithm>
#include <cstddef>
#include <limits>
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

void DmaChain::Clear(const GuestMemory& memory) {
  base_ = reinterpret_cast<uintptr_t>(memory.base());
  count_ = 0;
  size_ = 0;
}

absl::Status DmaChain::Append(const GuestMemory& memory, GuestPhys addr, uint32_t len) {
  if (!memory.Contains(addr, len)) return BadSection(count_, addr, len);
  if (count_ == kMaxChainPieces) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a chain of more than %u pieces", kMaxChainPieces));
  }
  if (len > std::numeric_limits<uint32_t>::max() - size_) {
    return absl::InvalidArgumentError("a chain of 4 GB or more");
  }
  sections_[count_++] = {.iov_base = reinterpret_cast<void*>(base_ + addr.value()), .iov_len = len};
  size_ += len;
  return absl::OkStatus();
}

void DmaChain::DropFront(uint32_t len) {
  size_ -= len;
  uint32_t dropped = 0;
  for (; dropped < count_ && len >= sections_[dropped].iov_len; ++dropped) {
    len -= static_cast<uint32_t>(sections_[dropped].iov_len);
  }
  if (dropped != 0) {
    std::copy(sections_.begin() + dropped, sections_.begin() + count_, sections_.begin());
    count_ -= dropped;
  }
  if (len == 0) return;
  sections_[0].iov_base = static_cast<std::byte*>(sections_[0].iov_base) + len;
  sections_[0].iov_len -= len;
}

void DmaChain::DropBack(uint32_t len) {
  size_ -= len;
  for (; count_ != 0 && len >= sections_[count_ - 1].iov_len; --count_) {
    len -= static_cast<uint32_t>(sections_[count_ - 1].iov_len);
  }
  if (len != 0) sections_[count_ - 1].iov_len -= len;
}

void DmaChain::Read(const GuestMemory& memory, std::span<std::byte> to) const {
  for (uint32_t i = 0; i < count_ && !to.empty(); ++i) {
    const size_t part = std::min(to.size(), sections_[i].iov_len);
    memory.ReadBytes(section_address(i), to.first(part)).IgnoreError();  // Append() has checked it
    to = to.subspan(part);
  }
}

void DmaChain::Write(GuestMemory& memory, std::span<const std::byte> from) const {
  for (uint32_t i = 0; i < count_ && !from.empty(); ++i) {
    const size_t part = std::min(from.size(), sections_[i].iov_len);
    memory.WriteBytes(section_address(i), from.first(part)).IgnoreError();  // likewise
    from = from.subspan(part);
  }
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
