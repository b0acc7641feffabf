#include "devices/virtio/virtqueue.h"

#include <bit>
#include <limits>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

template <typename... Args>
absl::Status BadRing(const absl::FormatSpec<Args...>& format, const Args&... args) {
  return absl::InvalidArgumentError(
      absl::StrCat("bad virtqueue: ", absl::StrFormat(format, args...)));
}

GuestPhys Offset(GuestPhys base, uint32_t offset) { return GuestPhys(base.value() + offset); }

// A table of descriptors in guest memory: that of the queue, or an indirect one.
struct Table {
  GuestPhys address;
  uint32_t size = 0;  // entries; all of them are in guest memory
};

VirtqDescriptor Fetch(const GuestMemory& memory, const Table& table, uint32_t index) {
  return memory.Fetch<VirtqDescriptor>(
      Offset(table.address, index * uint32_t{sizeof(VirtqDescriptor)}));
}

absl::StatusOr<Table> IndirectTable(const GuestMemory& memory, const VirtqDescriptor& descriptor) {
  constexpr uint32_t kEntry = sizeof(VirtqDescriptor);
  if ((descriptor.flags & kVirtqNext) != 0) return BadRing("an indirect descriptor with NEXT");
  if (descriptor.length == 0 || descriptor.length % kEntry != 0) {
    return BadRing("an indirect table of %u bytes", descriptor.length);
  }
  const GuestPhys address(static_cast<uint32_t>(descriptor.address));
  if (descriptor.address > std::numeric_limits<uint32_t>::max() ||
      !memory.Contains(address, descriptor.length)) {
    return BadRing("an indirect table at 0x%x len %u", descriptor.address, descriptor.length);
  }
  return Table{.address = address, .size = descriptor.length / kEntry};
}

bool IsPlaced(const GuestMemory& memory, GuestPhys address, uint32_t alignment, uint32_t size) {
  return address.value() % alignment == 0 && memory.Contains(address, size);
}

}  // namespace

absl::Status Virtqueue::Enable(const Place& place) {
  if (!std::has_single_bit(place.size) || place.size > kVirtqueueSize) {
    return BadRing("size %u", place.size);
  }
  const uint32_t descriptors = place.size * uint32_t{sizeof(VirtqDescriptor)};
  const uint32_t available = kVirtqRingEntries + place.size * uint32_t{sizeof(uint16_t)};
  const uint32_t used = kVirtqRingEntries + place.size * uint32_t{sizeof(VirtqUsed)};
  if (!IsPlaced(memory_, place.descriptors, 16, descriptors) ||
      !IsPlaced(memory_, place.available, 2, available) ||
      !IsPlaced(memory_, place.used, 4, used)) {
    return BadRing("rings at 0x%x, 0x%x, 0x%x", place.descriptors.value(), place.available.value(),
                   place.used.value());
  }
  place_ = place;
  next_available_ = 0;
  next_used_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<bool> Virtqueue::Pop(VirtqChain& chain) {
  if (!is_enabled()) return false;
  const auto index = memory_.Fetch<uint16_t>(Offset(place_.available, kVirtqRingIndex));
  const auto ahead = static_cast<uint16_t>(index - next_available_);
  if (ahead == 0) return false;
  if (ahead > place_.size) {
    return BadRing("index %u after %u", index, next_available_);
  }
  const uint32_t entry =
      kVirtqRingEntries + next_available_ % place_.size * uint32_t{sizeof(uint16_t)};
  const auto head = memory_.Fetch<uint16_t>(Offset(place_.available, entry));
  RETURN_IF_ERROR(Collect(head, chain));
  ++next_available_;
  return true;
}

absl::Status Virtqueue::Collect(uint16_t head, VirtqChain& chain) {
  chain.head = head;
  chain.readable.Clear(memory_);
  chain.writable.Clear(memory_);
  Table table = {.address = place_.descriptors, .size = place_.size};
  bool is_indirect = false;
  uint32_t index = head;
  for (uint32_t count = 0;; ++count) {
    if (index >= table.size) return BadRing("descriptor %u of %u", index, table.size);
    if (count == kMaxChainPieces) return BadRing("a chain of more than %u", kMaxChainPieces);
    const VirtqDescriptor descriptor = Fetch(memory_, table, index);  // guest-controlled
    if ((descriptor.flags & kVirtqIndirect) != 0) {
      if (!allows_indirect_ || is_indirect) return BadRing("an indirect descriptor");
      ASSIGN_OR_RETURN(table, IndirectTable(memory_, descriptor));
      is_indirect = true;
      index = 0;
      continue;
    }
    RETURN_IF_ERROR(Add(descriptor, chain));
    if ((descriptor.flags & kVirtqNext) == 0) return absl::OkStatus();
    index = descriptor.next;
  }
}

absl::Status Virtqueue::Add(const VirtqDescriptor& descriptor, VirtqChain& chain) {
  const bool is_writable = (descriptor.flags & kVirtqWrite) != 0;
  if (!is_writable && chain.writable.size() != 0) {
    return BadRing("a piece to read after one to write");
  }
  if (descriptor.length == 0) return absl::OkStatus();
  if (descriptor.address > std::numeric_limits<uint32_t>::max()) {
    return BadRing("address 0x%x", descriptor.address);
  }
  DmaChain& to = is_writable ? chain.writable : chain.readable;
  return to.Append(memory_, GuestPhys(static_cast<uint32_t>(descriptor.address)),
                   descriptor.length);
}

absl::Status Virtqueue::Push(const VirtqChain& chain, uint32_t written) {
  if (chain.readable.size() != 0) {
    ++counts_.sent;
    counts_.sent_bytes += chain.readable.size();
  }
  if (chain.writable.size() != 0) {
    ++counts_.filled;
    counts_.filled_bytes += written;
  }
  const uint32_t entry = kVirtqRingEntries + next_used_ % place_.size * uint32_t{sizeof(VirtqUsed)};
  RETURN_IF_ERROR(
      memory_.Write(Offset(place_.used, entry), VirtqUsed{.head = chain.head, .length = written}));
  ++next_used_;
  // After the entry: the guest reads the index first.
  return memory_.Write(Offset(place_.used, kVirtqRingIndex), next_used_);
}

absl::Status Virtqueue::Interrupt() {
  const auto flags = memory_.Fetch<uint16_t>(place_.available);
  if (flags > kVirtqNoInterrupt) return BadRing("flags 0x%x", flags);
  return flags == kVirtqNoInterrupt ? absl::OkStatus() : line_.Raise();
}

}  // namespace lguest
