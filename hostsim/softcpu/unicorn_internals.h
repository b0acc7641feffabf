// Everything that this project knows of Unicorn 2.0.1 beyond its public interface: where fields lie
// in its structures, and which of its functions are replaced at link time (in unicorn_wraps.cc).
// Nobody else reaches into the library, but unicorn_check.cc, to see that all this is so.
//
// Why at all: stock Unicorn maps every virtual page to the physical page of the same number,
// forgets privilege where it matters, and stops only in ways that repeat instructions. Replacing
// its page walk and a few of its helpers makes it an i386 that an operating system can run on.

#ifndef HOSTSIM_SOFTCPU_UNICORN_INTERNALS_H_
#define HOSTSIM_SOFTCPU_UNICORN_INTERNALS_H_

#include <unicorn/unicorn.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/i386/constants.h"
#include "hostsim/i386/descriptor.h"
#include "hostsim/i386/page_walk.h"

namespace lguest::hostsim {

// Byte offsets in the library's structures. unicorn_check.cc verifies every one before it is relied
// on.
struct UnicornLayout {
  // uc_struct.
  ptrdiff_t no_exit_request = 0x78a;

  // CPUState (the start of X86CPU).
  ptrdiff_t interrupt_request = 0x1c;
  ptrdiff_t jump_cache = 0x138;  // TranslationBlock* [4096], by virtual address
  ptrdiff_t cpu_to_env = 0x8750;

  // CPUNegativeOffsetState lies just before CPUX86State: negative from there.
  ptrdiff_t icount_high = -0xe;  // the half-word that generated code looks at
  ptrdiff_t tlb_fast = -0x40;    // CPUTLBDescFast [3]
  ptrdiff_t tlb_slow = -0x570;   // CPUTLBDesc [3]

  // CPUTLBDesc.
  ptrdiff_t tlb_slow_size = 0x1b8;
  ptrdiff_t tlb_used = 0x20;
  ptrdiff_t tlb_victims = 0x30;  // CPUTLBEntry [8]

  // TranslationBlock.
  ptrdiff_t block_pc = 0;

  // CPUX86State.
  ptrdiff_t registers = 0;  // uint64_t [16]
  ptrdiff_t eip = 0x80;
  ptrdiff_t cc_source = 0x98;     // the status flags once they have been computed, which
  ptrdiff_t cc_operation = 0xa8;  // ... is CC_OP_EFLAGS
  ptrdiff_t hflags = 0xb0;
  ptrdiff_t segments = 0xb8;  // SegmentCache [6], in the order of the instruction encoding
  ptrdiff_t error_code = 0x14e8;
  ptrdiff_t exception_is_int = 0x14ec;
  ptrdiff_t old_exception = 0x1558;
};

// Bits of CPUX86State::hflags.
inline constexpr uint32_t kHflagsPrivilege = 3;
inline constexpr uint32_t kHflagsCode32 = 1u << 4;
inline constexpr uint32_t kHflagsStack32 = 1u << 5;
inline constexpr uint32_t kHflagsAddSegment = 1u << 6;  // some data segment does not start at 0
inline constexpr uint32_t kHflagsProtected = 1u << 7;
inline constexpr uint32_t kHflagsCr0Shift = 8;  // CR0.MP, EM and TS as bits 9 to 11
inline constexpr uint32_t kHflagsCr0Mask = 0xe00;
inline constexpr uint32_t kHflagsSse = 1u << 22;

// CPUX86State::cc_op.
inline constexpr uint32_t kCcEflags = 1;  // CC_OP_EFLAGS

// One translation in the library's TLB. An address field that is all ones matches nothing.
struct TlbEntry {
  uint64_t read;
  uint64_t write;
  uint64_t code;
  uint64_t addend;  // launcher address = virtual address + addend

  // The page that this is about, or all ones.
  uint64_t page() const {
    const uint64_t address = read != ~uint64_t{0} ? read : write != ~uint64_t{0} ? write : code;
    return address == ~uint64_t{0} ? address : address & ~uint64_t{0xfff};
  }
  // For an address in the page.
  void* At(uint64_t address) const { return reinterpret_cast<void*>(address + addend); }
};

inline constexpr uint32_t kTlbEntryShift = 5;

// What a TLB miss is answered with.
struct TlbFill {
  bool mapped = false;
  uint64_t frame = 0;  // of the library's physical address space
  bool writable = false;
  bool executable = true;
  uint32_t error_code = 0;  // of the page fault, unless mapped
};

struct CpuidResult {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
};

// Whoever owns the CPU. Called inside Run(), on its thread.
class UnicornClient {
 public:
  virtual ~UnicornClient() = default;

  virtual TlbFill FillTlb(uint32_t address, Access access, bool user) = 0;

  // Between two blocks of guest code, not after each. True: Run() returns.
  virtual bool ShouldStop() = 0;

  // `software`: by an `int` instruction, which %eip is past. All exceptions but #UD. False: Run()
  // returns.
  virtual bool OnException(uint8_t vector, bool software, uint32_t error_code) = 0;

  virtual CpuidResult Cpuid(uint32_t leaf) = 0;
};

// One Unicorn CPU, opened up. Belongs to one thread, but for RequestExit().
class UnicornInternals {
 public:
  enum class RunEnd : uint8_t {
    kStopped,             // the client asked for it
    kIllegalInstruction,  // #UD at %eip
  };

  // Physical addresses 0 to `ram_size` are guest memory at `ram`, mapped before all else. `uc` has
  // to outlive this.
  UnicornInternals(uc_engine* uc, const UnicornLayout& layout, std::byte* ram, uint32_t ram_size);
  UnicornInternals(const UnicornInternals&) = delete;
  UnicornInternals& operator=(const UnicornInternals&) = delete;

  // Bytes for translated code. A Linux guest fills a quarter of it while it boots.
  static constexpr size_t kCodeBufferSize = size_t{32} << 20;

  // Before any run.
  void set_client(UnicornClient* client) { client_ = client; }
  uc_engine* uc() const { return uc_; }
  const UnicornLayout& layout() const { return layout_; }
  // Whether it is known where the state of the CPU is.
  bool has_env() const { return env_ != nullptr; }

  // Runs code from `eip`.
  absl::StatusOr<RunEnd> Run(uint32_t eip);

  // Makes the CPU ask ShouldStop() soon. From any thread.
  void RequestExit();

  // State of the CPU. This and all that follows: not before CheckUnicorn().
  uint32_t reg(int index) const { return static_cast<uint32_t>(RegisterField(index)); }
  void set_reg(int index, uint32_t value) { RegisterField(index) = value; }
  uint32_t eip() const { return static_cast<uint32_t>(EnvField<uint64_t>(layout_.eip)); }
  void set_eip(uint32_t value) { EnvField<uint64_t>(layout_.eip) = value; }
  uint32_t hflags() const { return EnvField<uint32_t>(layout_.hflags); }
  void set_hflags(uint32_t value) { EnvField<uint32_t>(layout_.hflags) = value; }
  uint32_t selector(int index) const { return SegmentField(index).selector; }
  // Reads and writes the bits of kEflagsGuest; the others are kEflagsFixed.
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

  // Code that was made from these bytes of guest memory is not to run again.
  void InvalidateCode(uint32_t address, uint32_t len);

  // TLB, and where code was found through it. FlushUser() forgets pages below the user limit only.
  void FlushAll();
  void FlushUser();
  void FlushPage(uint32_t page);
  void set_user_limit(uint32_t limit) { user_limit_ = limit; }
  // Whether any page of the 4 MB has come into the TLB since it was last flushed.
  bool HasFilled(uint32_t directory_index) const { return filled_[directory_index] != 0; }

  // The rest is called by the library, through the functions that replace its own; those do not say
  // on whose behalf.
  static UnicornInternals* current() { return current_; }
  bool OnTlbMiss(char* cpu, uint64_t address, int access, int mmu_index, uint32_t* error_code);
  // The arithmetic flags have been computed, by translated code that goes on at `ra`.
  void OnFlagsComputed(uint32_t flags, uintptr_t ra) {
    computed_flags_ = flags & kEflagsStatus;
    computed_flags_ra_ = ra;
  }
  // The same, and they are in the state of the CPU.
  void OnFlagsStored(uintptr_t ra) {
    OnFlagsComputed(static_cast<uint32_t>(EnvField<uint64_t>(layout_.cc_source)), ra);
  }
  // A load or store is about to raise a page fault, in translated code at `ra`.
  void OnDataFault(uintptr_t ra);
  // Translated code is at an `int` instruction. Does not return if Run() is to.
  void OnSoftwareInterrupt(uint8_t vector, uint8_t len);
  bool PollExitRequest();
  // Between two blocks: throws all translated code away if there is little room left. True if it
  // did.
  bool FlushCodeIfFull();
  void OnExecExit() {
    if (has_env()) set_eflags(eflags());
  }
  void OnCodeProtected(uint64_t ram_address);
  void OnCodeUnprotected(uint64_t ram_address);
  // How many instructions a block that is about to be translated may have; 0: as many as fit.
  int OnTranslationStart() {
    translating_ = true;
    instructions_in_block_ = 0;
    return std::exchange(instruction_limit_, 0);
  }
  void OnTranslationEnd(uint64_t pc, void* block);
  void OnCpuid(char* env);
  void OnInstructionStart() {
    ++instructions_translated_;
    ++instructions_in_block_;
    at_instruction_start_ = true;
  }
  bool TakeInstructionStart() { return std::exchange(at_instruction_start_, false); }
  void* ram_region() const { return ram_region_; }
  TlbEntry& Tlb(int mmu_index, uint64_t address) const {
    static_assert(sizeof(TlbEntry) == 1u << kTlbEntryShift);
    const uint64_t offset = (address >> (kPageShift - kTlbEntryShift)) & TlbMask(mmu_index);
    return *reinterpret_cast<TlbEntry*>(reinterpret_cast<char*>(TlbTable(mmu_index)) + offset);
  }

 private:
  friend class UnicornCheck;  // compares all this with what it has made happen
  // Makes a CPU the one that this thread is inside of.
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
  // (Number of entries - 1) * their size.
  uint64_t TlbMask(int mmu_index) const { return tlb_[mmu_index].mask; }
  TlbEntry* TlbTable(int mmu_index) const { return tlb_[mmu_index].table; }
  uint64_t TlbSize(int mmu_index) const;
  std::span<TlbEntry> TlbVictims(int mmu_index) const;

  absl::Status InstallHooks();
  static void InterruptHook(uc_engine* uc, uint32_t vector, void* self);
  static bool IllegalInstructionHook(uc_engine* uc, void* self);

  bool OnInterrupt(uint32_t vector);
  bool ReportException(uint8_t vector, bool software, uint32_t error_code);
  uint32_t EipAt(uintptr_t ra) const;
  bool TruncateBlock(uint32_t vector, bool software);
  void TrackPage(uint32_t page, int mmu_index, bool has_code);
  void EvictIfUser(TlbEntry& entry, int mmu_index);
  void Evict(TlbEntry& entry, int mmu_index);
  void InvalidateUserBlocks(uint64_t groups);
  uint64_t BlockPc(const void* block) const {
    return *reinterpret_cast<const uint64_t*>(static_cast<const char*>(block) + layout_.block_pc);
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
  bool reporting_exception_ = false;  // of an exception, inside the loop that runs code
  bool illegal_instruction_ = false;

  uint32_t computed_flags_ = 0;
  uintptr_t computed_flags_ra_ = 0;
  // What the fault that is being raised has to leave the flags at.
  std::optional<uint32_t> fault_flags_;

  // Of code that is being translated.
  bool translating_ = false;  // unless that has failed
  bool at_instruction_start_ = false;
  int instructions_in_block_ = 0;
  int instruction_limit_ = 0;  // of the next block

  // By page of guest memory: code of it has been translated. Stores elsewhere need not look for
  // code.
  std::vector<uint8_t> has_code_;

  // What FlushUser() has to undo.
  struct UserPage {
    uint32_t page;
    int mmu_index;
  };
  uint32_t user_limit_ = 0;
  std::vector<UserPage> user_pages_;
  uint64_t user_code_groups_ = 0;  // of the jump cache, that may have blocks of such pages
  uint8_t filled_[1024] = {};

  // How far translated code has filled its room.
  uintptr_t first_code_ = 0;
  uintptr_t last_code_ = 0;

  // What the library said last, for the check.
  char* cpuid_env_ = nullptr;
  void* last_block_ = nullptr;
  uint64_t instructions_translated_ = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_UNICORN_INTERNALS_H_
