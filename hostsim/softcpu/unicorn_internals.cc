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

// Functions of the library. `cpu` is a CPUState*, opaque here.
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
// CPUX86State keeps EFLAGS in several fields. These functions assemble EFLAGS and split it again.
// `env` is a CPUX86State*.
uint64_t ReadEflags(void* env) asm("helper_read_eflags_x86_64");
void WriteEflags(void* env, uint64_t eflags, uint32_t mask) asm("helper_write_eflags_x86_64");
// Sets %eip and cc_op of `cpu` to their values at the guest instruction of translated code at `ra`.
bool RestoreState(void* cpu, uintptr_t ra, bool will_exit) asm("cpu_restore_state_x86_64");
// Exits from a helper to the library's loop.
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

// The jump cache has 64 groups of 64 entries. All blocks that start in one page are in one group
// (tb_jmp_cache_hash_page()).
constexpr size_t kJumpGroupBlocks = 64;
constexpr uint64_t GroupBit(uint32_t pc) { return uint64_t{1} << (((pc >> 12) ^ (pc >> 18)) & 63); }

// With more pages than this, FlushUser() is faster if it searches the whole TLB.
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
  // `until`, `timeout` and `count` are not exact, so they are not used.
  const uc_err error = uc_emu_start(uc_, eip, /*until=*/0, /*timeout=*/0, /*count=*/0);
  if (error != UC_ERR_OK) {
    return absl::InternalError(absl::StrCat("uc_emu_start: ", uc_strerror(error)));
  }
  return illegal_instruction_ ? RunEnd::kIllegalInstruction : RunEnd::kStopped;
}

void UnicornInternals::RequestExit() {
  // Each block of translated code tests icount_decr.u16.high at its start, and exits to the loop if
  // it is negative.
  ExitRequest().store(0xffff);
}

bool UnicornInternals::PollExitRequest() {
  // The library has just cleared icount_decr.u16.high with a plain store. That store might become
  // visible only after the client reads kicked_, and then overwrite the 0xffff of a new request.
  // The exchange below prevents this: it is a full barrier. With high = icount_decr.u16.high:
  //
  //   SoftCpu::Kick():  kicked_ = true;        high = 0xffff;
  //   CPU loop:         high = 0 (exchange);   if (kicked_) stop;
  //
  // If the 0xffff comes before the exchange, the loop reads kicked_ == true. If it comes after the
  // exchange, high stays 0xffff, and the next block exits to the loop.
  ExitRequest().exchange(0);
  return client_->ShouldStop();
}

// The interrupt hook gets `into` and all faults except #UD. It never gets `int n` and int3: the
// wrap of helper_raise_interrupt passes them to OnSoftwareInterrupt().
void UnicornInternals::InterruptHook(uc_engine* uc, uint32_t vector, void* self) {
  if (!static_cast<UnicornInternals*>(self)->OnInterrupt(vector)) uc_emu_stop(uc);
}

bool UnicornInternals::OnInterrupt(uint32_t vector) {
  // Tell the library that this exception is delivered. It does not clear old_exception itself, and
  // would turn the next fault into a double fault.
  EnvField<int32_t>(layout_.old_exception) = -1;
  const bool software = EnvField<int32_t>(layout_.exception_is_int) != 0;
  if (TruncateBlock(vector, software)) return true;
  if (counter_ != nullptr && !counter_->OnException()) return true;
  if (const auto flags = std::exchange(fault_flags_, std::nullopt); flags.has_value()) {
    EnvField<uint64_t>(layout_.cc_source) = *flags;
    EnvField<uint32_t>(layout_.cc_operation) = kCcEflags;
  }
  return ReportException(static_cast<uint8_t>(vector), software,
                         EnvField<uint32_t>(layout_.error_code));
}

void UnicornInternals::OnSoftwareInterrupt(uint8_t vector, uint8_t len) {
  set_eip(eip() + len);
  if (ReportException(vector, /*software=*/true, /*error_code=*/0)) {
    // Counted code does not test icount_decr.u16.high.
    if (counter_ != nullptr && ExitRequest().load() != 0) counter_->ExitBeforeNextBlock();
    return;
  }
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

// The library computes the status flags lazily: cc_op, cc_src and cc_dst describe the last
// arithmetic operation. setcc, rcl and rcr first compute the flags into cc_src and set cc_op to
// CC_OP_EFLAGS; rcl and rcr then change CF there. They access memory afterwards. If that access
// faults, the library restores the cc_op from the start of the instruction, but cc_src keeps its
// new value, so the flags are wrong. The correct flags are computed_flags_, if the faulting
// instruction computed them. Otherwise the library's own state is correct.
void UnicornInternals::OnDataFault(uintptr_t ra) {
  constexpr uintptr_t kLongestInstruction = 2048;  // bytes of translated code
  fault_flags_.reset();
  if (ra <= computed_flags_ra_ || ra - computed_flags_ra_ > kLongestInstruction) return;
  if (Probe(ra).eip == Probe(computed_flags_ra_).eip) fault_flags_ = computed_flags_;
}

// Finds the instruction that translated code at `ra` belongs to.
UnicornInternals::Instruction UnicornInternals::Probe(uintptr_t ra) {
  // RestoreState() changes %eip and cc_op. Save and restore the fields from %eip up to hflags.
  const size_t len = static_cast<size_t>(layout_.hflags - layout_.eip);
  std::array<std::byte, 64> state;
  std::memcpy(state.data(), env_ + layout_.eip, len);
  probed_ = {};
  probing_ = true;
  RestoreState(cpu_, ra, /*will_exit=*/false);
  probing_ = false;
  probed_.eip = eip();
  std::memcpy(env_ + layout_.eip, state.data(), len);
  return probed_;
}

// The library translates a block before it executes the block. The last instruction of a block may
// cross into a page that is not mapped. The page fault must not be raised before the guest reaches
// this instruction. So translate the block again, and end it before this instruction.
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
  if (cpu.counter_ != nullptr) cpu.counter_->OnException();
  cpu.illegal_instruction_ = true;
  return true;  // the library stops, without an error
}

uint32_t UnicornInternals::eflags() const {
  return (static_cast<uint32_t>(ReadEflags(env_)) & kEflagsGuest) | kEflagsFixed;
}

void UnicornInternals::set_eflags(uint32_t value) {
  const uint32_t eflags = (value & kEflagsGuest) | kEflagsFixed;
  if (!reporting_exception_) return WriteEflags(env_, eflags, ~0u);
  // In the library's loop, the status flags and DF have their own fields, and their bits in the
  // eflags field must be 0. The first call clears these bits. The second call sets their own fields
  // and the other bits of the eflags field. (Outside the loop, x86_cpu_exec_enter() will take them
  // from the eflags field.)
  WriteEflags(env_, 0, kArithmeticFlags);
  WriteEflags(env_, eflags, ~kArithmeticFlags);
}

bool UnicornInternals::OnTlbMiss(char* cpu, uint64_t address, int access, int mmu_index,
                                 uint32_t* error_code) {
  cpu_ = cpu;
  // `address` is below 4 GB. Only the second part of an access across 4 GB would lie above, but its
  // first part faults before: the last page is never mapped.
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
  // A store to a page that is not marked dirty searches it for code. That is 30 times slower.
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
  computed_flags_ra_ = 0;  // the instruction that computed the flags has ended
  last_block_ = block;
  last_code_ = reinterpret_cast<uintptr_t>(block);  // a TranslationBlock precedes its code
  if (first_code_ == 0) first_code_ = last_code_;
  if (pc < user_limit_) user_code_groups_ |= GroupBit(static_cast<uint32_t>(pc));
}

// The library flushes the code buffer itself when it is full, but its first flush has a bug: it
// reuses the buffer from its start and keeps old blocks valid. This flush comes earlier.
bool UnicornInternals::FlushCodeIfFull() {
  if (last_code_ - first_code_ < code_limit_ && !discard_code_) return false;
  discard_code_ = false;
  TbFlush(cpu_);
  first_code_ = last_code_ = 0;
  return true;
}

void UnicornInternals::OnCpuid(char* env) {
  cpuid_env_ = env;
  if (env != env_) return;  // unicorn_check.cc does not know CPUX86State yet
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
  // A block that starts in the page before may continue in this page.
  InvalidateUserBlocks(user_code_groups_ & (GroupBit(page) | GroupBit(page - kPageSize)));
}

void UnicornInternals::FlushUser() {
  // The library enlarges its TLB only in a full flush.
  for (const int mmu_index : {kMmuUser, kMmuKernel}) {
    if (TlbUsed(mmu_index) * 10 > TlbSize(mmu_index) * 7) return FlushAll();
  }
  // TrackPage() has recorded all pages below the limit since the last flush. Each of them is in its
  // slot of the TLB or in the victim TLB, and its blocks are in its group of the jump cache.
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
  // n_used_entries only controls the growth of the TLB. The library does not keep it exact.
  uint64_t& used = TlbUsed(mmu_index);
  if (used > 0) --used;
}

void UnicornInternals::InvalidateUserBlocks(uint64_t groups) {
  void** const jump_cache = reinterpret_cast<void**>(cpu_ + layout_.jump_cache);
  for (; groups != 0; groups &= groups - 1) {
    const auto group = static_cast<size_t>(std::countr_zero(groups));
    // Keep the kernel's blocks: to look them up again costs more than to search the group.
    for (void*& block : std::span(jump_cache + group * kJumpGroupBlocks, kJumpGroupBlocks)) {
      if (block != nullptr && BlockPc(block) < user_limit_) block = nullptr;
    }
  }
}

}  // namespace lguest::hostsim
