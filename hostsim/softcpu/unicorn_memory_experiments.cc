// Experiments with RAM addresses, the TLB and the jump cache.

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "hostsim/softcpu/machine_code.h"
#include "hostsim/softcpu/unicorn_experiments.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// A function of the library.
uint64_t RamAddress(void* uc, void* launcher_address) asm("qemu_ram_addr_from_host_x86_64");

// The library identifies code by its RAM address, which must equal the guest-physical address.
absl::Status UnicornCheck::RamAddresses() {
  std::byte* const ram = cpu_.ram_;
  const uint64_t last = uint64_t{cpu_.has_code_.size()} * kPageSize - 1;
  if (RamAddress(cpu_.uc_, ram) != 0 || RamAddress(cpu_.uc_, ram + last) != last) {
    return Differs("addresses of RAM");
  }
  return absl::OkStatus();
}

absl::Status UnicornCheck::TlbSanity(int mmu_index) {
  const uint64_t mask = cpu_.TlbMask(mmu_index);
  const uint64_t entries = mask / sizeof(TlbEntry) + 1;
  if (mask % sizeof(TlbEntry) != 0 || entries < 64 || entries > (1u << 22) ||
      (entries & (entries - 1)) != 0 ||
      reinterpret_cast<uintptr_t>(cpu_.TlbTable(mmu_index)) % sizeof(void*) != 0 ||
      reinterpret_cast<uintptr_t>(cpu_.TlbTable(mmu_index)) < kPageSize) {
    return Differs("TLB");
  }
  return absl::OkStatus();
}

bool UnicornCheck::TlbHolds(int mmu_index, uint32_t page, uint32_t host_of) const {
  const TlbEntry& entry = cpu_.Tlb(mmu_index, page);
  return entry.read == page && (entry.write & ~uint64_t{0xfff}) == page && entry.code == page &&
         IsHost(page + entry.addend, host_of);
}

// At ring 0, in which the library starts: two data pages share one slot of the TLB.
absl::Status UnicornCheck::Tlb() {
  RETURN_IF_ERROR(TlbSanity(kMmuKernel));
  const uint64_t span = (cpu_.TlbMask(kMmuKernel) / sizeof(TlbEntry) + 1) * kPageSize;
  const uint32_t far = kData + static_cast<uint32_t>(span);
  cpu_.FlushAll();
  if (cpu_.TlbUsed(kMmuKernel) != 0) return Differs("n_used_entries");
  fills_ = 0;
  const Code code = Code().Op({0xa3}, kData).Op({0xa1}, far + kPageSize).Done();
  if (!Finishes(code) || fills_ != 3 || cpu_.TlbUsed(kMmuKernel) != 3 ||
      !TlbHolds(kMmuKernel, kCode, kCode) || !TlbHolds(kMmuKernel, kData, kData)) {
    return Differs("TLB");
  }
  if (!Finishes(Code().Op({0xa3}, far).Done()) || fills_ != 4 ||
      !TlbHolds(kMmuKernel, far, kData)) {
    return Differs("TLB");
  }
  const TlbEntry& victim = cpu_.TlbVictims(kMmuKernel)[0];
  if (victim.read != kData || !IsHost(kData + victim.addend, kData)) return Differs("vtable");
  cpu_.FlushPage(kData);
  if (victim.read == kData) return Differs("vtable");
  return absl::OkStatus();
}

// Segments() has left the CPU at ring 3 with a flat %ss.
absl::Status UnicornCheck::UserTlb() {
  RETURN_IF_ERROR(TlbSanity(kMmuUser));
  cpu_.FlushAll();
  const Code code = Code().Op({0x36, 0xa3}, kData).Done();  // mov %eax,%ss:kData
  if (!Finishes(code) || !TlbHolds(kMmuUser, kCode, kCode) || !TlbHolds(kMmuUser, kData, kData) ||
      cpu_.TlbUsed(kMmuUser) != 2) {
    return Differs("user TLB");
  }
  return absl::OkStatus();
}

absl::Status UnicornCheck::JumpCache() {
  const uint32_t at = kCode + used_;
  cpu_.last_block_ = nullptr;
  if (!Finishes(Code().Done())) return Differs("int");
  const uint32_t mixed = at ^ (at >> 6);
  const uint32_t index = ((mixed >> 6) & 0xfc0) | (mixed & 0x3f);
  void* const* cache = reinterpret_cast<void**>(cpu_.cpu_ + cpu_.layout_.jump_cache);
  if (cpu_.last_block_ == nullptr || cache[index] != cpu_.last_block_) {
    return Differs("tb_jmp_cache");
  }
  if (cpu_.BlockPc(cpu_.last_block_) != at) return Differs("TranslationBlock");
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
