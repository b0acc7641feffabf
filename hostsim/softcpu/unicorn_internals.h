// The internals of Unicorn 2.0.1 that this project uses beyond the public interface: offsets of
// fields in its structures, and functions that unicorn_wraps.cc replaces at link time. No other
// file uses them, except unicorn_check.cc and its experiments, which verify them.
//
// Stock Unicorn cannot run an operating system at ring 1: it maps each virtual page to the physical
// page with the same number, misses privilege checks, and repeats instructions when it is stopped.
// We replace its page walk and some of its helpers to get an i386 with paging and privilege levels.
//
// Exceptions reach UnicornInternals in three ways:
//   - `int n` and int3: by the wrap of helper_raise_interrupt (OnSoftwareInterrupt()), always.
//   - `into` and all faults except #UD: by the library's interrupt hook (OnInterrupt()).
//   - #UD: by the library's hook of invalid instructions. It ends Run() with kIllegalInstruction.
// During the first experiments of unicorn_check.cc no hook is installed yet. Then an exception ends
// uc_emu_start() with UC_ERR_EXCEPTION.

#ifndef HOSTSIM_SOFTCPU_UNICORN_INTERNALS_H_
#define HOSTSIM_SOFTCPU_UNICORN_INTERNALS_H_

#include <unicorn/unicorn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/debug_stops.h"
#include "hostsim/i386/constants.h"
#include "hostsim/i386/descriptor.h"
#include "hostsim/i386/page_walk.h"
#include "hostsim/softcpu/debug_points.h"
#include "hostsim/softcpu/instruction_counter.h"
#include "hostsim/softcpu/unicorn_layout.h"

namespace lguest::hostsim {

// Bits of CPUX86State::hflags.
inline constexpr uint32_t kHflagsPrivilege = 3;
inline constexpr uint32_t kHflagsCode32 = 1u << 4;
inline constexpr uint32_t kHflagsStack32 = 1u << 5;
inline constexpr uint32_t kHflagsAddSegment = 1u << 6;  // a data segment has a base other than 0
inline constexpr uint32_t kHflagsProtected = 1u << 7;
inline constexpr uint32_t kHflagsCr0Shift = 8;  // CR0.MP, EM and TS are bits 9 to 11
inline constexpr uint32_t kHflagsCr0Mask = 0xe00;
inline constexpr uint32_t kHflagsSse = 1u << 22;

// CPUX86State::cc_op.
inline constexpr uint32_t kCcEflags = 1;  // CC_OP_EFLAGS

// CPUTLBEntry: one entry of the library's TLB. An address field with all bits set matches nothing.
struct TlbEntry {
  uint64_t read;
  uint64_t write;
  uint64_t code;
  uint64_t addend;  // launcher address = virtual address + addend

  // The virtual address of the page; all bits set if the entry is empty.
  uint64_t page() const {
    const uint64_t address = read != ~uint64_t{0} ? read : write != ~uint64_t{0} ? write : code;
    return address == ~uint64_t{0} ? address : address & ~uint64_t{0xfff};
  }
  // The launcher address of `address`, which lies in the page.
  void* At(uint64_t address) const { return reinterpret_cast<void*>(address + addend); }
};

inline constexpr uint32_t kTlbEntryShift = 5;

// The answer to a TLB miss.
struct TlbFill {
  bool mapped = false;
  uint64_t frame = 0;  // in the library's physical address space
  bool writable = false;
  bool executable = true;
  uint32_t error_code = 0;  // of the page fault, if not mapped
};

struct CpuidResult {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
};

// The owner of the CPU implements this. Its functions are called inside Run(), on the same thread.
class UnicornClient {
 public:
  virtual ~UnicornClient() = default;

  virtual TlbFill FillTlb(uint32_t address, Access access, bool user) = 0;

  // Called between two blocks of guest code, but not after each block. If it returns true, Run()
  // returns.
  virtual bool ShouldStop() = 0;

  // Called for each exception except #UD. `software`: the exception is from `int n`, int3 or
  // `into`, and %eip is after the instruction. If it returns false, Run() returns.
  virtual bool OnException(uint8_t vector, bool software, uint32_t error_code) = 0;

  virtual CpuidResult Cpuid(uint32_t leaf) = 0;
};

// Access to the internals of one Unicorn CPU. Belongs to one thread, except RequestExit().
class UnicornInternals {
 public:
  enum class RunEnd : uint8_t {
    kStopped,             // the client requested it
    kIllegalInstruction,  // #UD at %eip
  };

  // Physical addresses from 0 to `ram_size` are guest memory at `ram`. They must be the first
  // mapping of `uc`, which must outlive this object.
  UnicornInternals(uc_engine* uc, const UnicornLayout& layout, std::byte* ram, uint32_t ram_size);
  UnicornInternals(const UnicornInternals&) = delete;
  UnicornInternals& operator=(const UnicornInternals&) = delete;

  // Size of the buffer for translated code. A Linux guest fills a quarter of it while it boots.
  static constexpr size_t kCodeBufferSize = size_t{32} << 20;
  // Less than that by more than any block takes.
  static constexpr size_t kMaxCode = kCodeBufferSize - (1 << 20);

  // Flushes translated code when it takes more bytes than this. Call it before Run().
  void set_code_limit(size_t limit) { code_limit_ = limit; }
  // Call it before Run().
  void set_client(UnicornClient* client) { client_ = client; }
  uc_engine* uc() const { return uc_; }
  const UnicornLayout& layout() const { return layout_; }
  // True once the address of CPUX86State is known.
  bool has_env() const { return env_ != nullptr; }

  // Runs guest code from `eip` until the client stops it or an invalid instruction is found.
  absl::StatusOr<RunEnd> Run(uint32_t eip);

  // Makes the CPU call ShouldStop() soon. May be called from any thread.
  void RequestExit();

  // Starts to count instructions, from 0. Code that has been translated without counting must not
  // run again.
  void StartCounting();
  // nullptr if the CPU does not count.
  InstructionCounter* counter() const { return counter_.get(); }

  // Breakpoints and watchpoints, of a CPU that counts.
  DebugPoints& debug();
  bool has_debug() const { return debug_ != nullptr; }
  const DebugHit& hit() const { return hit_; }
  void set_hit(const DebugHit& hit) { hit_ = hit; }
  // Discards all translated code before the next block runs.
  void DiscardCode() { discard_code_ = true; }
  // True if the block that is being generated starts with a breakpoint, and is not the one that
  // passes it.
  bool BlockRefuses() const {
    return debug_ != nullptr && !passes_breakpoint_ && debug_->IsArmed(generated_pc_);
  }
  // How many instructions of the block that has been generated come before one with a breakpoint;
  // 0: there is none. Once.
  int TakeBreakpointLimit();
  // Translated code at `ra` accesses a page with a watchpoint. Does not return if the access is
  // watched, and the CPU has not stopped for it yet.
  void OnWatchedPage(uint32_t address, uint32_t len, bool is_write, uintptr_t ra);
  bool HasWatchpoint(uint64_t address, uint64_t len) const {
    return debug_ != nullptr && debug_->IsWatched(address, len);
  }

  // The state of the CPU. Only CheckUnicorn() may call these functions and those below before
  // CheckUnicorn() has succeeded.
  uint32_t reg(int index) const { return static_cast<uint32_t>(RegisterField(index)); }
  void set_reg(int index, uint32_t value) { RegisterField(index) = value; }
  uint32_t eip() const { return static_cast<uint32_t>(EnvField<uint64_t>(layout_.eip)); }
  void set_eip(uint32_t value) { EnvField<uint64_t>(layout_.eip) = value; }
  uint32_t hflags() const { return EnvField<uint32_t>(layout_.hflags); }
  void set_hflags(uint32_t value) { EnvField<uint32_t>(layout_.hflags) = value; }
  uint32_t selector(int index) const { return SegmentField(index).selector; }
  // The bits of kEflagsGuest are readable and writable. All other bits are those of kEflagsFixed.
  uint32_t eflags() const;
  void set_eflags(uint32_t value);
  LoadedSegment segment(int index) const {
    const SegmentCache& cache = SegmentField(index);
    return {.selector = cache.selector,
            .base = static_cast<uint32_t>(cache.base),
            .limit = cache.limit,
            .flags = cache.flags};
  }
  void set_segment(int index, const LoadedSegment& segment) {
    SegmentField(index) = {.selector = segment.selector,
                           .base = segment.base,
                           .limit = segment.limit,
                           .flags = segment.flags};
  }

  // Invalidates translated code of these bytes of guest memory.
  void InvalidateCode(uint32_t address, uint32_t len);

  // These flush the TLB and the jump cache. FlushUser() flushes only pages below the user limit.
  void FlushAll();
  void FlushUser();
  void FlushPage(uint32_t page);
  void set_user_limit(uint32_t limit) { user_limit_ = limit; }
  // True if a page of this directory entry's 4 MB has entered the TLB since the last flush.
  bool HasFilled(uint32_t directory_index) const { return filled_[directory_index] != 0; }

  // The library calls the functions below through unicorn_wraps.cc. Most library functions have no
  // argument that leads to this object, so the wraps use the CPU that this thread is running.
  static UnicornInternals* current() { return current_; }
  bool OnTlbMiss(char* cpu, uint64_t address, int access, int mmu_index, uint32_t* error_code);
  // A helper has computed the status flags. It returns to translated code at `ra`.
  void OnFlagsComputed(uint32_t flags, uintptr_t ra) {
    computed_flags_ = flags & kEflagsStatus;
    computed_flags_ra_ = ra;
  }
  // The same, for a helper that finds the computed flags in cc_src.
  void OnFlagsStored(uintptr_t ra) {
    OnFlagsComputed(static_cast<uint32_t>(EnvField<uint64_t>(layout_.cc_source)), ra);
  }
  // A load or store in translated code at `ra` is about to raise a page fault.
  void OnDataFault(uintptr_t ra);
  // The same, for a fetch of code.
  void OnFetchFault() {
    if (counter_ != nullptr) counter_->OnFetchFault();
  }
  // RestoreState() has found instruction `index` of `block`.
  void OnRestore(const char* block, uint32_t index);
  // Translated code executes rdtsc. Returns false if the counter has no time stamp for it.
  bool OnTimeStamp(uintptr_t ra);
  // How many instructions of the current block come after the one that translated code at `ra`
  // belongs to.
  uint32_t InstructionsAfter(uintptr_t ra) { return Probe(ra).instructions - 1; }
  // Handles an `int n` or int3 of `len` bytes at %eip. If Run() must return, exits to the library's
  // loop and does not return.
  void OnSoftwareInterrupt(uint8_t vector, uint8_t len);
  // The library's loop runs, between two blocks. Returns true if Run() must return.
  bool OnLoop();
  // Flushes all translated code if the code buffer is nearly full. Returns true if it did. May be
  // called only between two blocks.
  bool FlushCodeIfFull();
  void OnExecExit() {
    if (has_env()) set_eflags(eflags());
  }
  void OnCodeProtected(uint64_t ram_address);
  void OnCodeUnprotected(uint64_t ram_address);
  // Returns the maximum number of instructions of the block to be translated; 0: no limit.
  int OnTranslationStart(bool passes_breakpoint) {
    translating_ = true;
    passes_breakpoint_ = passes_breakpoint;
    instructions_in_block_ = 0;
    return std::exchange(instruction_limit_, 0);
  }
  // The library starts to generate the code of a block. If that gets too long, it starts again with
  // fewer instructions.
  void OnGenerationStart(const void* block) {
    instructions_in_block_ = 0;
    generated_pc_ = static_cast<uint32_t>(BlockPc(block));
    if (counter_ != nullptr) counter_->block() = {.starts = true};
  }
  void OnTranslationEnd(uint64_t pc, void* block);
  void OnCpuid(char* env);
  void OnInstructionStart(uint32_t pc) {
    if (debug_ != nullptr && instructions_in_block_ != 0 && breakpoint_limit_ == 0 &&
        debug_->IsArmed(pc)) {
      breakpoint_limit_ = instructions_in_block_;
    }
    ++instructions_translated_;
    ++instructions_in_block_;
    at_instruction_start_ = true;
  }
  // How many instructions of the current block have been translated, the current one included.
  int instructions_in_block() const { return instructions_in_block_; }
  bool TakeInstructionStart() { return std::exchange(at_instruction_start_, false); }
  void* ram_region() const { return ram_region_; }
  TlbEntry& Tlb(int mmu_index, uint64_t address) const {
    static_assert(sizeof(TlbEntry) == 1u << kTlbEntryShift);
    const uint64_t offset = (address >> (kPageShift - kTlbEntryShift)) & TlbMask(mmu_index);
    return *reinterpret_cast<TlbEntry*>(reinterpret_cast<char*>(TlbTable(mmu_index)) + offset);
  }

 private:
  friend class UnicornCheck;  // verifies the layout by experiments
  // While it lives, current() returns `cpu` on this thread.
  class Scope {
   public:
    explicit Scope(UnicornInternals* cpu) : previous_(current_) { current_ = cpu; }
    ~Scope() { current_ = previous_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    UnicornInternals* const previous_;
  };
  struct TlbDescFast {
    uint64_t mask;
    TlbEntry* table;
  };
  struct SegmentCache {
    uint32_t selector;
    uint64_t base;
    uint32_t limit;
    uint32_t flags;
  };

  void set_env(char* env) {
    env_ = env;
    tlb_ = reinterpret_cast<const TlbDescFast*>(env + layout_.tlb_fast);
  }
  template <typename T>
  T& EnvField(ptrdiff_t offset) const {
    return *reinterpret_cast<T*>(env_ + offset);
  }
  std::atomic_ref<uint16_t> ExitRequest() const {
    return std::atomic_ref<uint16_t>(EnvField<uint16_t>(layout_.icount_high));
  }
  uint64_t& RegisterField(int index) const {
    return EnvField<uint64_t>(layout_.registers + index * 8);
  }
  SegmentCache& SegmentField(int index) const {
    return EnvField<SegmentCache>(layout_.segments +
                                  index * static_cast<ptrdiff_t>(sizeof(SegmentCache)));
  }
  uint64_t& TlbUsed(int mmu_index) const {
    return EnvField<uint64_t>(layout_.tlb_slow + mmu_index * layout_.tlb_slow_size +
                              layout_.tlb_used);
  }
  // (Number of entries - 1) * sizeof(TlbEntry).
  uint64_t TlbMask(int mmu_index) const { return tlb_[mmu_index].mask; }
  TlbEntry* TlbTable(int mmu_index) const { return tlb_[mmu_index].table; }
  uint64_t TlbSize(int mmu_index) const;
  std::span<TlbEntry> TlbVictims(int mmu_index) const;

  absl::Status InstallHooks();
  static void InterruptHook(uc_engine* uc, uint32_t vector, void* self);
  static bool IllegalInstructionHook(uc_engine* uc, void* self);

  bool OnInterrupt(uint32_t vector);
  bool ReportException(uint8_t vector, bool software, uint32_t error_code);
  bool PollExitRequest();
  struct Instruction {
    uint32_t eip = 0;
    uint32_t instructions = 0;  // from this one to the end of its block; 0 without a counter
  };
  Instruction Probe(uintptr_t ra);
  bool TruncateBlock(uint32_t vector, bool software);
  void TrackPage(uint32_t page, int mmu_index, bool has_code);
  void EvictIfUser(TlbEntry& entry, int mmu_index);
  void Evict(TlbEntry& entry, int mmu_index);
  void InvalidateUserBlocks(uint64_t groups);
  uint64_t BlockPc(const void* block) const {
    return *reinterpret_cast<const uint64_t*>(static_cast<const char*>(block) + layout_.block_pc);
  }

  uint32_t BlockInstructions(const void* block) const {
    return *reinterpret_cast<const uint16_t*>(static_cast<const char*>(block) +
                                              layout_.block_instructions);
  }

  static constinit thread_local UnicornInternals* current_;

  uc_engine* const uc_;
  const UnicornLayout layout_;
  UnicornClient* client_ = nullptr;
  std::byte* const ram_;
  void* const ram_region_;  // MemoryRegion*
  char* cpu_ = nullptr;     // CPUState*
  char* env_ = nullptr;     // CPUX86State*
  const TlbDescFast* tlb_ = nullptr;
  bool reporting_exception_ = false;  // inside client_->OnException()
  bool illegal_instruction_ = false;

  // The last status flags that a helper computed, and the return address of that helper; 0: none
  // in the current block.
  uint32_t computed_flags_ = 0;
  uintptr_t computed_flags_ra_ = 0;
  // The status flags at the page fault that is being raised; nullopt: the library has them right.
  std::optional<uint32_t> fault_flags_;

  // The state of the translation.
  bool translating_ = false;  // stays true if a page fault ends the translation
  bool at_instruction_start_ = false;
  int instructions_in_block_ = 0;
  int instruction_limit_ = 0;  // of the next block

  // has_code_[pfn]: the page has translated code. A store to another page needs no check for code.
  std::vector<uint8_t> has_code_;

  // The pages below user_limit_ that entered the TLB since the last flush. FlushUser() evicts them.
  struct UserPage {
    uint32_t page;
    int mmu_index;
  };
  uint32_t user_limit_ = 0;
  std::vector<UserPage> user_pages_;
  uint64_t user_code_groups_ = 0;  // bit n: group n of the jump cache may have blocks of such pages
  uint8_t filled_[1024] = {};

  // The first and the last block in the code buffer since the last flush; 0: none.
  uintptr_t first_code_ = 0;
  uintptr_t last_code_ = 0;
  size_t code_limit_ = kMaxCode;

  std::unique_ptr<InstructionCounter> counter_;
  std::unique_ptr<DebugPoints> debug_;  // nullptr: never used
  DebugHit hit_;
  bool discard_code_ = false;
  bool passes_breakpoint_ = false;  // of the block that is being translated
  uint32_t generated_pc_ = 0;       // of the block that is being generated
  int breakpoint_limit_ = 0;        // see TakeBreakpointLimit()
  bool probing_ = false;            // inside Probe()
  Instruction probed_;              // its result

  // For unicorn_check.cc: the last pointers that the library passed, and a count.
  char* cpuid_env_ = nullptr;
  void* last_block_ = nullptr;
  uint64_t instructions_translated_ = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_INTERNALS_H_
