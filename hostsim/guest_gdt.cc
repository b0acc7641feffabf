#include "hostsim/guest_gdt.h"

#include <algorithm>

#include "hostsim/guest_death.h"

namespace lguest::hostsim {
namespace {

constexpr uint64_t kFlatCode = 0x00cf9b000000ffff;
constexpr uint64_t kFlatData = 0x00cf93000000ffff;
constexpr uint32_t kKernelCodeEntry = kGuestKernelCs >> 3;
constexpr uint32_t kKernelDataEntry = kGuestKernelDs >> 3;

constexpr uint64_t kAccessed = uint64_t{1} << 40;
constexpr uint64_t kCodeOrData = uint64_t{1} << 44;
constexpr uint64_t kWritable = uint64_t{1} << 41;    // of data
constexpr uint64_t kConforming = uint64_t{1} << 42;  // of code
constexpr uint64_t kCode = uint64_t{1} << 43;
constexpr uint64_t kPresent = uint64_t{1} << 47;
constexpr uint64_t kPrivilegeMask = uint64_t{3} << 45;
constexpr uint64_t kPrivilege1 = uint64_t{1} << 45;

// The host's code and data, the task state and the double-fault task.
constexpr bool IsReservedEntry(uint32_t entry) {
  return entry == 10 || entry == 11 || entry == 16 || entry == 31;
}

// What of a guest's descriptor is harmless: code and data at ring 1 or above, marked accessed
// because the table is read-only for the guest. A gate or a task segment is dropped: a jump through
// it could change the privilege level or %eflags.IOPL behind the host's back.
uint64_t Sanitize(uint64_t descriptor) {
  if ((descriptor & kCodeOrData) == 0) return 0;
  if ((descriptor & kPrivilegeMask) == 0) descriptor |= kPrivilege1;
  return descriptor | kAccessed;
}

}  // namespace

GuestGdt::GuestGdt() {
  gdt_[kKernelCodeEntry] = kFlatCode | kPrivilege1;
  gdt_[kKernelDataEntry] = kFlatData | kPrivilege1;
}

absl::Status GuestGdt::Load(const GuestMemory& memory, GuestPhys table, uint32_t count) {
  if (count > kGdtEntries) return GuestDeath("too many gdt entries %u", count);
  return Copy(memory, table, std::span(gdt_).first(count));
}

absl::Status GuestGdt::LoadTls(const GuestMemory& memory, GuestPhys table) {
  return Copy(memory, table, std::span(gdt_).subspan(kTlsFirstEntry, kTlsEntries));
}

void GuestGdt::SetTls(std::span<const uint64_t, kTlsEntries> descriptors) {
  std::transform(descriptors.begin(), descriptors.end(), gdt_.begin() + kTlsFirstEntry, Sanitize);
}

bool GuestGdt::IsRing1Stack(uint16_t selector) const {
  return IsRing1(selector, kCode | kWritable, kWritable);
}

bool GuestGdt::IsRing1Code(uint16_t selector) const {
  return IsRing1(selector, kCode | kConforming, kCode);
}

bool GuestGdt::IsRing1(uint16_t selector, uint64_t type_mask, uint64_t type) const {
  constexpr uint16_t kRequestorMask =
      7;  // requestor's privilege level, and the local table instead of this one
  const uint32_t entry = selector >> 3;
  if ((selector & kRequestorMask) != 1 || entry >= kGdtEntries) return false;
  const uint64_t descriptor = gdt_[entry];
  return (descriptor & kPresent) != 0 && (descriptor & kCodeOrData) != 0 &&
         (descriptor & kPrivilegeMask) == kPrivilege1 && (descriptor & type_mask) == type;
}

absl::Status GuestGdt::Copy(const GuestMemory& memory, GuestPhys table, std::span<uint64_t> to) {
  std::array<uint64_t, kGdtEntries> copy;
  const std::span<uint64_t> from = std::span(copy).first(to.size());
  if (absl::Status read = memory.ReadBytes(table, std::as_writable_bytes(from)); !read.ok()) {
    return GuestDeath("%s", read.message());
  }
  const auto first = static_cast<uint32_t>(to.data() - gdt_.data());
  for (uint32_t i = 0; i < to.size(); ++i) {
    if (!IsReservedEntry(first + i)) to[i] = Sanitize(from[i]);
  }
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
