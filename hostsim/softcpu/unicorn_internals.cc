#include "hostsim/softcpu/unicorn_internals.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

#if !defined(__x86_64__)
#error "The layout of the library's structures is known for x86-64 only."
#endif

namespace lguest::hostsim {

// The library's. `cpu` is a CPUState*, opaque here.
void TlbFlush(void* cpu) asm("tlb_flush_x86_64");
void TlbFlushPage(void* cpu, uint64_t address) asm("tlb_flush_page_x86_64");
void TlbSetDirty(void* cpu, uint64_t address) asm("tlb_set_dirty_x86_64");
void TlbResetDirty(void* cpu, uint64_t launcher_address,
                   uint64_t len) asm("tlb_reset_dirty_x86_64");
void TlbSetPage(void* cpu, uint64_t address, uint64_t frame, uint32_t attributes, int prot,
                int mmu_index, uint64_t size) asm("tlb_set_page_with_attrs_x86_64");
void TbFlush(void* cpu) asm("tb_flush_x86_64");
void InvalidateBlocks(void* uc, uint64_t start,
                      uint64_t end) asm("tb_invalidate_phys_range_x86_64");
// The flags lie in parts: these put them together and take them apart. `env` is a CPUX86State*.
uint64_t ReadEflags(void* env) asm("helper_read_eflags_x86_64");
void WriteEflags(void* env, uint64_t eflags, uint32_t mask) asm("helper_write_eflags_x86_64");
// Sets the state of `cpu` to that of the instruction that translated code at `ra` belongs to.
bool RestoreState(void* cpu, uintptr_t ra, bool will_exit) asm("cpu_restore_state_x86_64");
// Goes to the loop, out of a helper.
[[noreturn]] void CpuLoopExit(void* cpu) asm("cpu_loop_exit_noexc_x86_64");
void* RealMemoryMapping(void* uc, uint64_t address) asm("__real_memory_mapping");

namespace {

constexpr int kMmuUser = 1;     // MMU_USER_IDX: accesses of ring 3
constexpr int kMmuKernel = 2;   // MMU_KNOSMAP_IDX: all others
constexpr size_t kVictims = 8;  // CPU_VTLB_SIZE
constexpr uint64_t kTlbEntrySize = sizeof(TlbEntry);
static_assert(kTlbEntrySize == 32);

constexpr uint32_t kArithmeticFlags = kEflagsStatus | kEflagsDirection;

// PAGE_READ, PAGE_WRITE, PAGE_EXEC.
constexpr int kProtRead = 1;
constexpr int kProtWrite = 2;
constexpr int kProtExec = 4;

// The jump cache has 64 groups of 64 blocks; all blocks that start in one page are in one group
// (tb_jmp_cache_hash_page()).
constexpr size_t kJumpGroupBlocks = 64;
constexpr uint64_t GroupBit(uint32_t pc) { return uint64_t{1} << (((pc >> 12) ^ (pc >> 18)) & 63); }

// With more than this it is faster to look through the whole TLB.
constexpr size_t kMaxUserPages = 512;

}  // namespace

constinit thread_local UnicornInternals* UnicornInternals::current_ = nullptr;

UnicornInternals::UnicornInternals(uc_engine* uc, const UnicornLayout& layout, std::byte* ram,
                                   uint32_t ram_size)
    : uc_(uc),
      layout_(layout),
      ram_(ram),
      ram_region_(RealMemoryMapping(uc, 0)),
      has_code_(ram_size >> kPageShift) {
  user_pages_.reserve(kMaxUserPages + 1);
}

absl::Status UnicornInternals::InstallHooks() {
  uc_hook hook;
  uc_err error = uc_hook_add(uc_, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(&InterruptHook),
                             this, /*begin=*/1, /*end=*/0);
  if (error == UC_ERR_OK) {
    error = uc_hook_add(uc_, &hook, UC_HOOK_INSN_INVALID,
                        reinterpret_cast<void*>(&IllegalInstructionHook), this, 1, 0);
  }
  if (error != UC_ERR_OK) {
    return absl::InternalError(absl::StrCat("uc_hook_add: ", uc_strerror(error)));
  }
  return absl::OkStatus();
}

absl::StatusOr<UnicornInternals::RunEnd> UnicornInternals::Run(uint32_t eip) {
  const Scope scope(this);
  illegal_instruction_ = false;
  // Without `until`, `timeout` and `count`, none of which is exact.
  const uc_err error = uc_emu_start(uc_, eip, /*until=*/0, /*timeout=*/0, /*count=*/0);
  if (error != UC_ERR_OK) {
    return absl::InternalError(absl::StrCat("uc_emu_start: ", uc_strerror(error)));
  }
  return illegal_instruction_ ? RunEnd::kIllegalInstruction : RunEnd::kStopped;
}

void UnicornInternals::RequestExit() {
  // Every block of guest code starts by looking whether this is negative.
  std::atomic_ref<uint16_t>(EnvField<uint16_t>(layout_.icount_high)).store(0xffff);
}

bool UnicornInternals::PollExitRequest() {
  // The library has just cleared what RequestExit() sets, by a plain store, which might take effect
  // only after the client has looked at its flag and wipe out a nudge. Cleared once more, so that
  // it cannot: a nudge before this exchange is seen here together with the flag that was set before
  // it, and one after it stays.
  std::atomic_ref<uint16_t>(EnvField<uint16_t>(layout_.icount_high)).exchange(0);
  return client_->ShouldStop();
}

void UnicornInternals::InterruptHook(uc_engine* uc, uint32_t vector, void* self) {
  if (!static_cast<UnicornInternals*>(self)->OnInterrupt(vector)) uc_emu_stop(uc);
}

bool UnicornInternals::OnInterrupt(uint32_t vector) {
  // Delivered, as far as the library is concerned; it never notices by itself, and would make
  // double faults of all that follow.
  EnvField<int32_t>(layout_.old_exception) = -1;
  const bool software = EnvField<int32_t>(layout_.exception_is_int) != 0;
  if (TruncateBlock(vector, software)) return true;
  if (const auto flags = std::exchange(fault_flags_, std::nullopt); flags.has_value()) {
    EnvField<uint64_t>(layout_.cc_source) = *flags;
    EnvField<uint32_t>(layout_.cc_operation) = kCcEflags;
  }
  return ReportException(static_cast<uint8_t>(vector), software,
                         EnvField<uint32_t>(layout_.error_code));
}

void UnicornInternals::OnSoftwareInterrupt(uint8_t vector, uint8_t len) {
  set_eip(eip() + len);
  if (ReportException(vector, /*software=*/true, /*error_code=*/0)) return;
  uc_emu_stop(uc_);
  CpuLoopExit(cpu_);
}

bool UnicornInternals::ReportException(uint8_t vector, bool software, uint32_t error_code) {
  computed_flags_ra_ = 0;
  reporting_exception_ = true;
  const bool goes_on = client_->OnException(vector, software, error_code);
  reporting_exception_ = false;
  return goes_on;
}

// Some instructions (setcc, rcl, rcr) turn the flags into their final form before they use memory.
// When that faults, the library takes them for what they were made of. Right is what they have been
// turned into, if that was done by the same instruction.
void UnicornInternals::OnDataFault(uintptr_t ra) {
  constexpr uintptr_t kLongestInstruction = 2048;  // when translated
  fault_flags_.reset();
  if (ra <= computed_flags_ra_ || ra - computed_flags_ra_ > kLongestInstruction) return;
  if (EipAt(ra) == EipAt(computed_flags_ra_)) fault_flags_ = computed_flags_;
}

uint32_t UnicornInternals::EipAt(uintptr_t ra) const {
  // What RestoreState() changes: %eip, and how the flags are kept, behind it.
  const size_t len = static_cast<size_t>(layout_.hflags - layout_.eip);
  std::array<std::byte, 64> state;
  std::memcpy(state.data(), env_ + layout_.eip, len);
  RestoreState(cpu_, ra, /*will_exit=*/false);
  const uint32_t instruction = eip();
  std::memcpy(env_ + layout_.eip, state.data(), len);
  return instruction;
}

// The library translates code ahead of its execution, up to an instruction that crosses into a page
// which may not be there. That is nobody's fault before the instruction is reached: the block has
// to end in front of it.
bool UnicornInternals::TruncateBlock(uint32_t vector, bool software) {
  if (!std::exchange(translating_, false) || software || vector != kPageFault ||
      instructions_in_block_ <= 1) {
    return false;
  }
  instruction_limit_ = instructions_in_block_ - 1;
  return true;
}

bool UnicornInternals::IllegalInstructionHook(uc_engine* /*uc*/, void* self) {
  auto& cpu = *static_cast<UnicornInternals*>(self);
  cpu.EnvField<int32_t>(cpu.layout_.old_exception) = -1;
  cpu.illegal_instruction_ = true;
  return true;  // the library stops, without an error
}

uint32_t UnicornInternals::eflags() const {
  return (static_cast<uint32_t>(ReadEflags(env_)) & kEflagsGuest) | kEflagsFixed;
}

void UnicornInternals::set_eflags(uint32_t value) {
  const uint32_t eflags = (value & kEflagsGuest) | kEflagsFixed;
  if (!reporting_exception_) return WriteEflags(env_, eflags, ~0u);
  // While code runs, the arithmetic flags are what the library makes of the last instruction, and
  // nothing of them may be left where it keeps the others.
  WriteEflags(env_, 0, kArithmeticFlags);
  WriteEflags(env_, eflags, ~kArithmeticFlags);
}

bool UnicornInternals::OnTlbMiss(char* cpu, uint64_t address, int access, int mmu_index,
                                 uint32_t* error_code) {
  cpu_ = cpu;
  // Only the second part of an access across the end of the address space lies beyond it, and the
  // first part has faulted, since the last page is never mapped.
  const auto virt = static_cast<uint32_t>(address);
  const Access kind = access == 0 ? Access::kRead : access == 1 ? Access::kWrite : Access::kExecute;
  const TlbFill fill = client_->FillTlb(virt, kind, mmu_index == kMmuUser);
  if (!fill.mapped) {
    *error_code = fill.error_code;
    return false;
  }
  const int prot = kProtRead | (fill.writable ? kProtWrite : 0) | (fill.executable ? kProtExec : 0);
  const uint32_t page = virt & ~0xfffu;
  TlbSetPage(cpu, page, fill.frame, /*attributes=*/0, prot, mmu_index, kPageSize);
  const uint64_t pfn = fill.frame >> kPageShift;
  const bool has_code = pfn >= has_code_.size() || has_code_[pfn] != 0;
  // A store to a page that the library believes clean looks for code there: 30 times slower.
  if (fill.writable && !has_code) TlbSetDirty(cpu, page);
  TrackPage(page, mmu_index, has_code);
  return true;
}

void UnicornInternals::OnCodeProtected(uint64_t ram_address) {
  const uint64_t pfn = ram_address >> kPageShift;
  if (pfn >= has_code_.size()) return;
  has_code_[pfn] = 1;
  std::byte* const page = ram_ + (pfn << kPageShift);
  TlbResetDirty(cpu_, reinterpret_cast<uintptr_t>(page), kPageSize);
}

void UnicornInternals::OnCodeUnprotected(uint64_t ram_address) {
  const uint64_t pfn = ram_address >> kPageShift;
  if (pfn < has_code_.size()) has_code_[pfn] = 0;
}

void UnicornInternals::OnTranslationEnd(uint64_t pc, void* block) {
  translating_ = false;
  computed_flags_ra_ = 0;  // no instruction goes on after this
  last_block_ = block;
  last_code_ = reinterpret_cast<uintptr_t>(block);  // its description lies before it
  if (first_code_ == 0) first_code_ = last_code_;
  if (pc < user_limit_) user_code_groups_ |= GroupBit(static_cast<uint32_t>(pc));
}

// The library would do that by itself when there is no room at all, but goes wrong the first time:
// it starts again at the beginning and still believes in what was there.
bool UnicornInternals::FlushCodeIfFull() {
  constexpr uintptr_t kSpare = 1 << 20;  // more than any block takes
  if (last_code_ - first_code_ < kCodeBufferSize - kSpare) return false;
  TbFlush(cpu_);
  first_code_ = last_code_ = 0;
  return true;
}

void UnicornInternals::OnCpuid(char* env) {
  cpuid_env_ = env;
  if (env != env_) return;  // the check has only begun
  constexpr int kEax = 0;
  constexpr int kEcx = 1;
  constexpr int kEdx = 2;
  constexpr int kEbx = 3;
  const CpuidResult result = client_->Cpuid(reg(kEax));
  set_reg(kEax, result.eax);
  set_reg(kEbx, result.ebx);
  set_reg(kEcx, result.ecx);
  set_reg(kEdx, result.edx);
}

void UnicornInternals::InvalidateCode(uint32_t address, uint32_t len) {
  const uint64_t end = uint64_t{address} + len;
  for (uint64_t start = address; start < end;) {
    const uint64_t next = std::min((start & ~uint64_t{0xfff}) + kPageSize, end);
    const uint64_t pfn = start >> kPageShift;
    if (pfn < has_code_.size() && has_code_[pfn] != 0) {
      const Scope scope(this);
      InvalidateBlocks(uc_, start, next);
    }
    start = next;
  }
}

uint64_t UnicornInternals::TlbSize(int mmu_index) const {
  return (TlbMask(mmu_index) / kTlbEntrySize) + 1;
}

std::span<TlbEntry> UnicornInternals::TlbVictims(int mmu_index) const {
  return {&EnvField<TlbEntry>(layout_.tlb_slow + mmu_index * layout_.tlb_slow_size +
                              layout_.tlb_victims),
          kVictims};
}

void UnicornInternals::TrackPage(uint32_t page, int mmu_index, bool has_code) {
  filled_[page >> 22] = 1;
  if (page >= user_limit_) return;
  if (user_pages_.size() <= kMaxUserPages) user_pages_.push_back({page, mmu_index});
  if (has_code) user_code_groups_ |= GroupBit(page);
}

void UnicornInternals::FlushAll() {
  const Scope scope(this);
  TlbFlush(cpu_);
  std::memset(filled_, 0, sizeof(filled_));
  user_pages_.clear();
  user_code_groups_ = 0;
}

void UnicornInternals::FlushPage(uint32_t page) {
  if (page >= user_limit_) {
    const Scope scope(this);
    return TlbFlushPage(cpu_, page);
  }
  for (const int mmu_index : {kMmuUser, kMmuKernel}) {
    TlbEntry& entry = Tlb(mmu_index, page);
    if (entry.page() == page) Evict(entry, mmu_index);
    for (TlbEntry& victim : TlbVictims(mmu_index)) {
      if (victim.page() == page) std::memset(&victim, 0xff, kTlbEntrySize);
    }
  }
  // Blocks of the page before may run on into this one.
  InvalidateUserBlocks(user_code_groups_ & (GroupBit(page) | GroupBit(page - kPageSize)));
}

void UnicornInternals::FlushUser() {
  // The library's TLB grows in full flushes only.
  for (const int mmu_index : {kMmuUser, kMmuKernel}) {
    if (TlbUsed(mmu_index) * 10 > TlbSize(mmu_index) * 7) return FlushAll();
  }
  // Everything below the limit has come in through TrackPage() since the last flush, so all of it
  // is found again: at its place in the TLB, among the victims, and by its group in the jump cache.
  if (user_pages_.size() <= kMaxUserPages) {
    for (const UserPage& user : user_pages_) {
      EvictIfUser(Tlb(user.mmu_index, user.page), user.mmu_index);
    }
  } else {
    for (const int mmu_index : {kMmuUser, kMmuKernel}) {
      TlbEntry* const table = TlbTable(mmu_index);
      for (uint64_t i = 0; i < TlbSize(mmu_index); ++i) EvictIfUser(table[i], mmu_index);
    }
  }
  for (const int mmu_index : {kMmuUser, kMmuKernel}) {
    for (TlbEntry& victim : TlbVictims(mmu_index)) {
      if (victim.page() < user_limit_) std::memset(&victim, 0xff, kTlbEntrySize);
    }
  }
  InvalidateUserBlocks(user_code_groups_);
  std::memset(filled_, 0, (user_limit_ >> 22));
  user_pages_.clear();
  user_code_groups_ = 0;
}

void UnicornInternals::EvictIfUser(TlbEntry& entry, int mmu_index) {
  if (entry.page() < user_limit_) Evict(entry, mmu_index);
}

void UnicornInternals::Evict(TlbEntry& entry, int mmu_index) {
  std::memset(&entry, 0xff, kTlbEntrySize);
  // Only the TLB's growth depends on this count, which is the library's and not exact.
  uint64_t& used = TlbUsed(mmu_index);
  if (used > 0) --used;
}

void UnicornInternals::InvalidateUserBlocks(uint64_t groups) {
  void** const jump_cache = reinterpret_cast<void**>(cpu_ + layout_.jump_cache);
  for (; groups != 0; groups &= groups - 1) {
    const auto group = static_cast<size_t>(std::countr_zero(groups));
    // The kernel's blocks stay: finding them again takes longer than looking through all.
    for (void*& block : std::span(jump_cache + group * kJumpGroupBlocks, kJumpGroupBlocks)) {
      if (block != nullptr && BlockPc(block) < user_limit_) block = nullptr;
    }
  }
}

}  // namespace lguest::hostsim
