#include "hostsim/guest_gdt.h"

#include <algorithm>

#include "hostsim/guest_death.h"
#include "hostsim/i386/descriptor.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {
namespace {

static_assert(kGdtEntries == Vcpu::kGdtEntries);

constexpr uint32_t kKernelCodeEntry = kGuestKernelCs >> 3;
constexpr uint32_t kKernelDataEntry = kGuestKernelDs >> 3;

// Entries that a guest cannot change (ABI.md §4.4): the host's code and data segments, its TSS, and
// the TSS of its double-fault handler.
constexpr bool IsReservedEntry(uint32_t entry) {
  return entry == 10 || entry == 11 || entry == 16 || entry == 31;
}

}  // namespace

GuestGdt::GuestGdt() {
  gdt_[kKernelCodeEntry] = AtPrivilege1(kFlatCode);
  gdt_[kKernelDataEntry] = AtPrivilege1(kFlatData);
}

absl::Status GuestGdt::Load(const GuestMemory& memory, GuestPhys table, uint32_t count) {
  if (count > kGdtEntries) return GuestDeath("too many gdt entries %u", count);
  return Copy(memory, table, std::span(gdt_).first(count));
}

absl::Status GuestGdt::LoadEntry(uint32_t entry, uint64_t descriptor) {
  if (entry >= kGdtEntries) return GuestDeath("too many gdt entries %u", entry);
  if (!IsReservedEntry(entry)) gdt_[entry] = SanitizeDescriptor(descriptor);
  return absl::OkStatus();
}

absl::Status GuestGdt::LoadTls(const GuestMemory& memory, GuestPhys table) {
  return Copy(memory, table, std::span(gdt_).subspan(kTlsFirstEntry, kTlsEntries));
}

void GuestGdt::SetTls(std::span<const uint64_t, kTlsEntries> descriptors) {
  std::transform(descriptors.begin(), descriptors.end(), gdt_.begin() + kTlsFirstEntry,
                 SanitizeDescriptor);
}

bool GuestGdt::IsRing1Stack(uint16_t selector) const {
  return IsRing1(selector, kDescriptorCode | kDescriptorWritable, kDescriptorWritable);
}

bool GuestGdt::IsRing1Code(uint16_t selector) const {
  return IsRing1(selector, kDescriptorCode | kDescriptorConforming, kDescriptorCode);
}

bool GuestGdt::IsRing1(uint16_t selector, uint32_t type_mask, uint32_t type) const {
  constexpr uint16_t kPrivilegeAndTable = 7;  // RPL and table indicator
  constexpr uint32_t kNeeded = kDescriptorPresent | kDescriptorCodeOrData | kDescriptorPrivilege1;
  const uint32_t entry = selector >> 3;
  if ((selector & kPrivilegeAndTable) != 1 || entry >= kGdtEntries) return false;
  const uint32_t flags = UpperWord(gdt_[entry]);
  return (flags & (kNeeded | kDescriptorPrivilege)) == kNeeded && (flags & type_mask) == type;
}

absl::Status GuestGdt::Copy(const GuestMemory& memory, GuestPhys table, std::span<uint64_t> to) {
  std::array<uint64_t, kGdtEntries> copy;
  const std::span<uint64_t> from = std::span(copy).first(to.size());
  if (absl::Status read = memory.ReadBytes(table, std::as_writable_bytes(from)); !read.ok()) {
    return GuestDeath("%s", read.message());
  }
  const auto first = static_cast<uint32_t>(to.data() - gdt_.data());
  for (uint32_t i = 0; i < to.size(); ++i) {
    if (!IsReservedEntry(first + i)) to[i] = SanitizeDescriptor(from[i]);
  }
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
