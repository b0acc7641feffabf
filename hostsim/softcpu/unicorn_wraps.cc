// The wraps of library functions (link_wrap.h), except those of unicorn_count_wraps.cc. Most of
// them only find the current CPU and call UnicornInternals.
//
// `int n` and int3 always arrive by the wrap of helper_raise_interrupt below. `into` and all faults
// arrive by the library's hooks (UnicornInternals::InterruptHook(), and for #UD
// IllegalInstructionHook()).

#include <cstdint>
#include <cstring>

#include "hostsim/softcpu/instruction_filter.h"
#include "hostsim/softcpu/link_wrap.h"
#include "hostsim/softcpu/unicorn_count_wraps.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {
namespace {

// BP_MEM_READ, BP_MEM_WRITE.
constexpr int kWatchRead = 1;
constexpr int kWatchWrite = 2;
constexpr int kMmuKernel = 2;           // MMU_KNOSMAP_IDX
constexpr int kFetch = 2;               // MMU_INST_FETCH
constexpr int kInstructionStart = 129;  // INDEX_op_insn_start
constexpr int kCountMask = 0x7fff;      // CF_COUNT_MASK: how many instructions a block may have

// TB_EXIT_REQUESTED: the exit of a block that does not run. Every block has one, at its end.
constexpr unsigned int kExitRequested = 3;

constexpr uint64_t kNoRam = ~uint64_t{0xfff};  // an address in the library's RAM space without RAM

constexpr uint64_t PageOf(uint64_t address) { return address & ~uint64_t{0xfff}; }
constexpr uint64_t OffsetOf(uint64_t address) { return address & 0xfff; }

// True if the TLB maps all `len` bytes at `address` for reads by the kernel.
bool IsReadable(const UnicornInternals& cpu, uint32_t address, uint32_t len) {
  return cpu.Tlb(kMmuKernel, address).read == PageOf(address) &&
         OffsetOf(address) <= kPageSize - len;
}

}  // namespace

// `cpu` is a CPUState*, `env` a CPUX86State*. `ra` is the return address into translated code. The
// library finds the current guest instruction from it.
[[noreturn]] void RaiseException(void* env, int vector, int error_code,
                                 uintptr_t ra) asm("raise_exception_err_ra_x86_64");

// The page walk. The library's own walk uses the virtual address as the physical address in its
// last step, and does not check the addresses of page tables.
bool FillTlb(char* cpu, uint64_t address, int size, int access, int mmu_index, bool probe,
             uintptr_t ra) LGUEST_WRAP(x86_cpu_tlb_fill_x86_64);
bool FillTlb(char* cpu, uint64_t address, int /*size*/, int access, int mmu_index, bool probe,
             uintptr_t ra) {
  uint32_t error_code = 0;
  UnicornInternals* const owner = UnicornInternals::current();
  if (owner->OnTlbMiss(cpu, address, access, mmu_index, &error_code)) return true;
  if (probe) return false;
  if (access == kFetch) {
    owner->OnFetchFault();
  } else {
    owner->OnDataFault(ra);
  }
  RaiseException(cpu + owner->layout().cpu_to_env, kPageFault, static_cast<int>(error_code), ra);
}

// Computes the status flags from the lazy state (cc_dst, cc_src, cc_src2, cc_op) of the last
// arithmetic instruction. Called by translated code.
uint32_t RealComputeFlags(uint64_t result, uint64_t source, uint64_t source2, int operation)
    LGUEST_REAL(helper_cc_compute_all_x86_64);
uint64_t ComputeFlags(uint64_t result, uint64_t source, uint64_t source2, int operation)
    LGUEST_WRAP(helper_cc_compute_all_x86_64);
uint64_t ComputeFlags(uint64_t result, uint64_t source, uint64_t source2, int operation) {
  const uint32_t flags = RealComputeFlags(result, source, source2, operation);
  if (UnicornInternals* const owner = UnicornInternals::current(); owner != nullptr) {
    owner->OnFlagsComputed(flags, reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
  }
  return flags;
}

// The same, called by the library's helpers. cmpxchg8b calls it when cc_op and its operands may not
// match, so the result may have any bits. cmpxchg8b stores them, so keep only status flags.
uint32_t RealComputeFlagsOf(char* env, int operation) LGUEST_REAL(cpu_cc_compute_all_x86_64);
uint32_t ComputeFlagsOf(char* env, int operation) LGUEST_WRAP(cpu_cc_compute_all_x86_64);
uint32_t ComputeFlagsOf(char* env, int operation) {
  return RealComputeFlagsOf(env, operation) & kEflagsStatus;
}

// rcl and rcr use flags that translated code has computed before, and change CF before their result
// is stored to memory. Record the flags first, in case the store faults (OnDataFault()).
#define LGUEST_ROTATE(Name, symbol)                                                   \
  uint64_t Real##Name(char* env, uint64_t value, uint64_t count) LGUEST_REAL(symbol); \
  uint64_t Name(char* env, uint64_t value, uint64_t count) LGUEST_WRAP(symbol);       \
  uint64_t Name(char* env, uint64_t value, uint64_t count) {                          \
    UnicornInternals::current()->OnFlagsStored(                                       \
        reinterpret_cast<uintptr_t>(__builtin_return_address(0)));                    \
    return Real##Name(env, value, count);                                             \
  }
LGUEST_ROTATE(Rclb, helper_rclb_x86_64)
LGUEST_ROTATE(Rclw, helper_rclw_x86_64)
LGUEST_ROTATE(Rcll, helper_rcll_x86_64)
LGUEST_ROTATE(Rcrb, helper_rcrb_x86_64)
LGUEST_ROTATE(Rcrw, helper_rcrw_x86_64)
LGUEST_ROTATE(Rcrl, helper_rcrl_x86_64)

// The library looks up the MemoryRegion of each slow memory access, by virtual address. Here all
// memory is RAM, and FillTlb() has already checked the access rights. So return the RAM region.
void* MemoryMapping(void* uc, uint64_t address) LGUEST_WRAP(memory_mapping);
void* MemoryMapping(void* /*uc*/, uint64_t /*address*/) {
  return UnicornInternals::current()->ram_region();
}

// The library's loop calls it in each iteration, because interrupt_request is always set. A stop
// here is the only one that neither loses the request nor repeats an instruction.
bool ExecInterrupt(void* cpu, int request) LGUEST_WRAP(x86_cpu_exec_interrupt_x86_64);
bool ExecInterrupt(void* /*cpu*/, int /*request*/) {
  UnicornInternals* const owner = UnicornInternals::current();
  if (owner->OnLoop()) uc_emu_stop(owner->uc());
  // Returns true if the loop must not link the last block with the next one.
  return owner->FlushCodeIfFull();
}

// Assembles EFLAGS when the loop exits. After a fault the lazy flags may be inconsistent and set
// other bits of EFLAGS, for example VM or IOPL. OnExecExit() clears these.
void RealExecExit(void* cpu) LGUEST_REAL(x86_cpu_exec_exit_x86_64);
void ExecExit(void* cpu) LGUEST_WRAP(x86_cpu_exec_exit_x86_64);
void ExecExit(void* cpu) {
  RealExecExit(cpu);
  UnicornInternals::current()->OnExecExit();
}

// The library's own versions are empty, so each store must search its page for code.
void ProtectCode(void* uc, uint64_t ram_address) LGUEST_WRAP(tlb_protect_code_x86_64);
void ProtectCode(void* /*uc*/, uint64_t ram_address) {
  UnicornInternals::current()->OnCodeProtected(ram_address);
}
void UnprotectCode(void* uc, uint64_t ram_address) LGUEST_WRAP(tlb_unprotect_code_x86_64);
void UnprotectCode(void* /*uc*/, uint64_t ram_address) {
  UnicornInternals::current()->OnCodeUnprotected(ram_address);
}

// Locks the page of a store and all pages into which its code continues. One CPU has one thread, so
// the locks are useless, and they cost more than the store. The caller will release the collection
// that it gets, so return a collection of no pages.
void* RealLockPages(void* uc, uint64_t first, uint64_t last)
    LGUEST_REAL(page_collection_lock_x86_64);
void* LockPages(void* uc, uint64_t first, uint64_t last) LGUEST_WRAP(page_collection_lock_x86_64);
void* LockPages(void* uc, uint64_t /*first*/, uint64_t /*last*/) {
  return RealLockPages(uc, kNoRam, kNoRam);
}

// Allocates the code buffer. The library's own size would be 1 GB.
void RealInitTranslation(void* uc, size_t size) LGUEST_REAL(tcg_exec_init_x86_64);
void InitTranslation(void* uc, size_t size) LGUEST_WRAP(tcg_exec_init_x86_64);
void InitTranslation(void* uc, size_t /*size*/) {
  RealInitTranslation(uc, UnicornInternals::kCodeBufferSize);
}

// Translates a block.
void* RealTranslate(void* cpu, uint64_t pc, uint64_t cs_base, uint32_t flags, int cflags)
    LGUEST_REAL(tb_gen_code_x86_64);
void* Translate(void* cpu, uint64_t pc, uint64_t cs_base, uint32_t flags, int cflags)
    LGUEST_WRAP(tb_gen_code_x86_64);
void* Translate(void* cpu, uint64_t pc, uint64_t cs_base, uint32_t flags, int cflags) {
  UnicornInternals& owner = *UnicornInternals::current();
  const int limit = owner.OnTranslationStart(/*passes_breakpoint=*/(cflags & kCountMask) == 1);
  if ((cflags & kCountMask) == 0) cflags |= limit;
  void* const block = RealTranslate(cpu, pc, cs_base, flags, cflags);
  owner.OnTranslationEnd(pc, block);
  return block;
}

// Emits code that jumps to the next block if that is translated already, and else exits to the
// loop.
void LookUpNextBlock(void* tcg_context) asm("tcg_gen_lookup_and_goto_ptr_x86_64");

// Emits the end of a block. With `block` == nullptr (after iret and after each load of a segment
// register) the library emits an exit to the loop, to check for interrupts. We do not need this
// check: each block tests icount_decr.u16.high at its start, which RequestExit() sets.
void RealEndBlock(void* tcg_context, const void* block, unsigned int successor)
    LGUEST_REAL(tcg_gen_exit_tb_x86_64);
void EndBlock(void* tcg_context, const void* block, unsigned int successor)
    LGUEST_WRAP(tcg_gen_exit_tb_x86_64);
void EndBlock(void* tcg_context, const void* block, unsigned int successor) {
  if (block == nullptr) return LookUpNextBlock(tcg_context);
  if (successor == kExitRequested) EmitRefusal(tcg_context);
  RealEndBlock(tcg_context, block, successor);
}

// Executes an `int n` or int3 of `len` bytes. %eip is still that of the instruction. The library's
// own version exits to the loop, which calls the interrupt hook. This version serves the interrupt
// inside the block, which is faster.
[[noreturn]] void RealInterrupt(char* env, int vector, int len)
    LGUEST_REAL(helper_raise_interrupt_x86_64);
void RaiseSoftwareInterrupt(char* env, int vector, int len)
    LGUEST_WRAP(helper_raise_interrupt_x86_64);
void RaiseSoftwareInterrupt(char* env, int vector, int len) {
  UnicornInternals* const owner = UnicornInternals::current();
  if (!owner->has_env()) RealInterrupt(env, vector, len);
  owner->OnSoftwareInterrupt(static_cast<uint8_t>(vector), static_cast<uint8_t>(len));
}

// Emits a call of a helper. The library emits no code after a call of helper_raise_interrupt,
// because its own version does not return. Ours does, so emit a jump to the next block.
void RealCall(void* tcg_context, void* helper, void* result, int count, void** arguments)
    LGUEST_REAL(tcg_gen_callN_x86_64);
void Call(void* tcg_context, void* helper, void* result, int count, void** arguments)
    LGUEST_WRAP(tcg_gen_callN_x86_64);
void Call(void* tcg_context, void* helper, void* result, int count, void** arguments) {
  RealCall(tcg_context, helper, result, count, arguments);
  if (helper == reinterpret_cast<void*>(&RaiseSoftwareInterrupt)) LookUpNextBlock(tcg_context);
}

// For each guest instruction, the translator first emits the operation insn_start and then reads
// the bytes of the instruction.
void RealEmit(void* tcg_context, int opcode, uint64_t a, uint64_t b)
    LGUEST_REAL(tcg_gen_op2_x86_64);
void Emit(void* tcg_context, int opcode, uint64_t a, uint64_t b) LGUEST_WRAP(tcg_gen_op2_x86_64);
void Emit(void* tcg_context, int opcode, uint64_t a, uint64_t b) {
  if (opcode == kInstructionStart) {
    UnicornInternals::current()->OnInstructionStart(static_cast<uint32_t>(a));
    b = AddIndex(b);
  }
  RealEmit(tcg_context, opcode, a, b);
}
uint32_t RealLoadCode(char* env, uint64_t address) LGUEST_REAL(cpu_ldub_code_x86_64);
uint32_t LoadCode(char* env, uint64_t address) LGUEST_WRAP(cpu_ldub_code_x86_64);
uint32_t LoadCode(char* env, uint64_t address) {
  const auto peek = [&](int n) {
    return static_cast<uint8_t>(RealLoadCode(env, address + static_cast<uint32_t>(n)));
  };
  if (UnicornInternals::current()->TakeInstructionStart() && IsHiddenFromUnicorn(peek)) {
    return kInvalidOpcodeByte;
  }
  return peek(0);
}

// Instructions that raise #GP(0) for a guest, but that the library handles in another way. All
// symbols are aliases of one function. The compiler might replace equal functions by calls of one
// of them, and then __builtin_return_address() would not be in translated code.
void RaiseGeneralProtection(void* env) asm("lguest_raise_gp");
void RaiseGeneralProtection(void* env) {
  RaiseException(env, kGeneralProtection, 0,
                 reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}
#define LGUEST_RAISE_GP(symbol)                                       \
  void RaiseGeneralProtection_##symbol(void* env) LGUEST_WRAP(symbol) \
      __attribute__((alias("lguest_raise_gp")))

// The library executes port instructions at any privilege level, although IOPL is 0 and there is no
// I/O permission bitmap.
LGUEST_RAISE_GP(helper_inb_x86_64);
LGUEST_RAISE_GP(helper_inw_x86_64);
LGUEST_RAISE_GP(helper_inl_x86_64);
LGUEST_RAISE_GP(helper_outb_x86_64);
LGUEST_RAISE_GP(helper_outw_x86_64);
LGUEST_RAISE_GP(helper_outl_x86_64);
// In the library sysenter does nothing. sysexit and rdpmc raise #UD, rdpmc with a stale %eip.
LGUEST_RAISE_GP(helper_sysenter_x86_64);
LGUEST_RAISE_GP(helper_sysexit_x86_64);
LGUEST_RAISE_GP(helper_rdpmc_x86_64);

// In the library syscall does nothing. A Pentium III does not have it: #UD.
void Syscall(void* env, int len) LGUEST_WRAP(helper_syscall_x86_64);
void Syscall(void* env, int /*len*/) {
  RaiseException(env, kInvalidOpcode, 0, reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}

// The library reports features that do not work here, for each CPU model.
void Cpuid(char* env) LGUEST_WRAP(helper_cpuid_x86_64);
void Cpuid(char* env) { UnicornInternals::current()->OnCpuid(env); }

// Is any of these bytes watched? The library marks the page in its TLB then.
int MatchesWatchpoint(void* cpu, uint64_t address, uint64_t len)
    LGUEST_WRAP(cpu_watchpoint_address_matches_x86_64);
int MatchesWatchpoint(void* /*cpu*/, uint64_t address, uint64_t len) {
  return UnicornInternals::current()->HasWatchpoint(address, len) ? kWatchRead | kWatchWrite : 0;
}

// An access to a page with that mark.
void CheckWatchpoint(void* cpu, uint64_t address, uint64_t len, uint32_t attributes, int access,
                     uintptr_t ra) LGUEST_WRAP(cpu_check_watchpoint_x86_64);
void CheckWatchpoint(void* /*cpu*/, uint64_t address, uint64_t len, uint32_t /*attributes*/,
                     int access, uintptr_t ra) {
  UnicornInternals::current()->OnWatchedPage(
      static_cast<uint32_t>(address), static_cast<uint32_t>(len), (access & kWatchWrite) != 0, ra);
}

// Segment loads, far returns and iret access memory with the functions below. The library's
// versions walk all lists of hooks at each access. A TLB hit does not need that.
uint32_t RealLoad32(char* env, uint64_t address, int mmu_index, uintptr_t ra)
    LGUEST_REAL(cpu_ldl_mmuidx_ra_x86_64);
uint32_t Load32(char* env, uint64_t address, int mmu_index, uintptr_t ra)
    LGUEST_WRAP(cpu_ldl_mmuidx_ra_x86_64);
uint32_t Load32(char* env, uint64_t address, int mmu_index, uintptr_t ra) {
  const TlbEntry& entry = UnicornInternals::current()->Tlb(mmu_index, address);
  uint32_t value = 0;
  if (entry.read != PageOf(address) || OffsetOf(address) > kPageSize - sizeof(value)) {
    return RealLoad32(env, address, mmu_index, ra);
  }
  std::memcpy(&value, entry.At(address), sizeof(value));
  return value;
}

uint32_t RealLoad16(char* env, uint64_t address, int mmu_index, uintptr_t ra)
    LGUEST_REAL(cpu_lduw_mmuidx_ra_x86_64);
uint32_t Load16(char* env, uint64_t address, int mmu_index, uintptr_t ra)
    LGUEST_WRAP(cpu_lduw_mmuidx_ra_x86_64);
uint32_t Load16(char* env, uint64_t address, int mmu_index, uintptr_t ra) {
  const TlbEntry& entry = UnicornInternals::current()->Tlb(mmu_index, address);
  uint16_t value = 0;
  if (entry.read != PageOf(address) || OffsetOf(address) > kPageSize - sizeof(value)) {
    return RealLoad16(env, address, mmu_index, ra);
  }
  std::memcpy(&value, entry.At(address), sizeof(value));
  return value;
}

void RealStore32(char* env, uint64_t address, uint32_t value, int mmu_index, uintptr_t ra)
    LGUEST_REAL(cpu_stl_mmuidx_ra_x86_64);
void Store32(char* env, uint64_t address, uint32_t value, int mmu_index, uintptr_t ra)
    LGUEST_WRAP(cpu_stl_mmuidx_ra_x86_64);
void Store32(char* env, uint64_t address, uint32_t value, int mmu_index, uintptr_t ra) {
  const TlbEntry& entry = UnicornInternals::current()->Tlb(mmu_index, address);
  // They also differ if the page has translated code (TLB_NOTDIRTY is set in entry.write).
  if (entry.write != PageOf(address) || OffsetOf(address) > kPageSize - sizeof(value)) {
    return RealStore32(env, address, value, mmu_index, ra);
  }
  std::memcpy(entry.At(address), &value, sizeof(value));
}

// If EFLAGS.VM is set in the image, the library's iret enters virtual-8086 mode from any ring. A
// processor ignores the bit outside ring 0. Here it raises #GP(0): no known code needs the bit.
void RealIret(char* env, int size, int next_eip) LGUEST_REAL(helper_iret_protected_x86_64);
void Iret(char* env, int size, int next_eip) LGUEST_WRAP(helper_iret_protected_x86_64);
void Iret(char* env, int size, int next_eip) {
  constexpr int kSs = 2;
  constexpr int kEsp = 4;
  constexpr int kSize32 = 1;
  if (size == kSize32) {
    const auto ra = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
    const UnicornInternals& cpu = *UnicornInternals::current();
    const LoadedSegment ss = cpu.segment(kSs);
    const uint32_t mask = (ss.flags & kDescriptorBig) != 0 ? 0xffffffff : 0xffff;
    const auto word = [&](uint32_t n) { return ss.base + ((cpu.reg(kEsp) + 4 * n) & mask); };
    // Read the first word (%eip), too, although its value is not needed: if the stack is not
    // mapped, the page fault must report the address of this word.
    if (word(2) != word(0) + 8 || !IsReadable(cpu, word(0), 3 * sizeof(uint32_t))) {
      Load32(env, word(0), kMmuKernel, ra);
    }
    const uint32_t eflags = Load32(env, word(2), kMmuKernel, ra);
    if ((eflags & kEflagsVirtual8086) != 0) RaiseException(env, kGeneralProtection, 0, ra);
  }
  RealIret(env, size, next_eip);
}

}  // namespace lguest::hostsim
