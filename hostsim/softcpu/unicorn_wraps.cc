// The functions that replace the library's own at link time (ld --wrap=x: calls of x go to
// __wrap_x, and __real_x is the library's). Each is named in WRAPPED of BUILD.bazel too. They only
// find the CPU that they are called for and pass on.

#include <cstdint>
#include <cstring>

#include "hostsim/softcpu/instruction_filter.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {
namespace {

constexpr int kMmuKernel = 2;           // MMU_KNOSMAP_IDX
constexpr int kFetch = 2;               // MMU_INST_FETCH
constexpr int kInstructionStart = 129;  // INDEX_op_insn_start
constexpr int kCountMask = 0x7fff;      // CF_COUNT_MASK: how many instructions a block may have

constexpr uint64_t kNoRam = ~uint64_t{0xfff};  // an address of the library's own, where nothing is

constexpr uint64_t PageOf(uint64_t address) { return address & ~uint64_t{0xfff}; }
constexpr uint64_t OffsetOf(uint64_t address) { return address & 0xfff; }

// Whether the TLB has all of a piece of the kernel's memory.
bool IsReadable(const UnicornInternals& cpu, uint32_t address, uint32_t len) {
  return cpu.Tlb(kMmuKernel, address).read == PageOf(address) &&
         OffsetOf(address) <= kPageSize - len;
}

}  // namespace

#define LGUEST_WRAP(symbol) asm("__wrap_" #symbol)
#define LGUEST_REAL(symbol) asm("__real_" #symbol)

// `cpu` is a CPUState*, `env` a CPUX86State*. `ra`, the return address into translated code, tells
// the library which guest instruction it is in.
[[noreturn]] void RaiseException(void* env, int vector, int error_code,
                                 uintptr_t ra) asm("raise_exception_err_ra_x86_64");

// Page walk. The library's own goes wrong in its last step (physical = virtual), and reads page
// tables unchecked.
bool FillTlb(char* cpu, uint64_t address, int size, int access, int mmu_index, bool probe,
             uintptr_t ra) LGUEST_WRAP(x86_cpu_tlb_fill_x86_64);
bool FillTlb(char* cpu, uint64_t address, int /*size*/, int access, int mmu_index, bool probe,
             uintptr_t ra) {
  uint32_t error_code = 0;
  UnicornInternals* const owner = UnicornInternals::current();
  if (owner->OnTlbMiss(cpu, address, access, mmu_index, &error_code)) return true;
  if (probe) return false;
  if (access != kFetch) owner->OnDataFault(ra);
  RaiseException(cpu + owner->layout().cpu_to_env, kPageFault, static_cast<int>(error_code), ra);
}

// Computes the arithmetic flags from what the last instruction that changed them has left.
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

// The same for the library's own helpers. One of them, cmpxchg8b, asks before all that the flags
// are made of is in its place, and would keep whatever comes of it.
uint32_t RealComputeFlagsOf(char* env, int operation) LGUEST_REAL(cpu_cc_compute_all_x86_64);
uint32_t ComputeFlagsOf(char* env, int operation) LGUEST_WRAP(cpu_cc_compute_all_x86_64);
uint32_t ComputeFlagsOf(char* env, int operation) {
  return RealComputeFlagsOf(env, operation) & kEflagsStatus;
}

// Rotations through the carry flag use the flags, computed before, and change them before their
// result is stored.
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

// Looked up at every slow memory access, by virtual address. There is guest memory and nothing
// else: what of it may be reached has been decided in the page walk.
void* MemoryMapping(void* uc, uint64_t address) LGUEST_WRAP(memory_mapping);
void* MemoryMapping(void* /*uc*/, uint64_t /*address*/) {
  return UnicornInternals::current()->ram_region();
}

// Runs each time that the library's loop is come to, since interrupt_request is always set: the one
// place to see a request to stop that neither loses it nor repeats an instruction.
bool ExecInterrupt(void* cpu, int request) LGUEST_WRAP(x86_cpu_exec_interrupt_x86_64);
bool ExecInterrupt(void* /*cpu*/, int /*request*/) {
  UnicornInternals* const owner = UnicornInternals::current();
  if (owner->PollExitRequest()) uc_emu_stop(owner->uc());
  return owner
      ->FlushCodeIfFull();  // true: what has run last is not to be linked with what runs next
}

// Puts EFLAGS together when the loop is left. Where an instruction has faulted, the parts may be in
// disorder, and VM or IOPL come out of them.
void RealExecExit(void* cpu) LGUEST_REAL(x86_cpu_exec_exit_x86_64);
void ExecExit(void* cpu) LGUEST_WRAP(x86_cpu_exec_exit_x86_64);
void ExecExit(void* cpu) {
  RealExecExit(cpu);
  UnicornInternals::current()->OnExecExit();
}

// The library's versions do nothing, so that every store has to look for code in its way.
void ProtectCode(void* uc, uint64_t ram_address) LGUEST_WRAP(tlb_protect_code_x86_64);
void ProtectCode(void* /*uc*/, uint64_t ram_address) {
  UnicornInternals::current()->OnCodeProtected(ram_address);
}
void UnprotectCode(void* uc, uint64_t ram_address) LGUEST_WRAP(tlb_unprotect_code_x86_64);
void UnprotectCode(void* /*uc*/, uint64_t ram_address) {
  UnicornInternals::current()->OnCodeUnprotected(ram_address);
}

// Locks the pages with code that a store goes to, and all pages that their code continues on: in
// vain in a library that has one thread, and more work than the store itself. The caller gives back
// what it gets, so it gets the locks of no page.
void* RealLockPages(void* uc, uint64_t first, uint64_t last)
    LGUEST_REAL(page_collection_lock_x86_64);
void* LockPages(void* uc, uint64_t first, uint64_t last) LGUEST_WRAP(page_collection_lock_x86_64);
void* LockPages(void* uc, uint64_t /*first*/, uint64_t /*last*/) {
  return RealLockPages(uc, kNoRam, kNoRam);
}

// Makes room for translated code, of which the library would take 1 GB.
void RealInitTranslation(void* uc, size_t size) LGUEST_REAL(tcg_exec_init_x86_64);
void InitTranslation(void* uc, size_t size) LGUEST_WRAP(tcg_exec_init_x86_64);
void InitTranslation(void* uc, size_t /*size*/) {
  RealInitTranslation(uc, UnicornInternals::kCodeBufferSize);
}

// Translation of a block.
void* RealTranslate(void* cpu, uint64_t pc, uint64_t cs_base, uint32_t flags, int cflags)
    LGUEST_REAL(tb_gen_code_x86_64);
void* Translate(void* cpu, uint64_t pc, uint64_t cs_base, uint32_t flags, int cflags)
    LGUEST_WRAP(tb_gen_code_x86_64);
void* Translate(void* cpu, uint64_t pc, uint64_t cs_base, uint32_t flags, int cflags) {
  UnicornInternals& owner = *UnicornInternals::current();
  const int limit = owner.OnTranslationStart();
  if ((cflags & kCountMask) == 0) cflags |= limit;
  void* const block = RealTranslate(cpu, pc, cs_base, flags, cflags);
  owner.OnTranslationEnd(pc, block);
  return block;
}

// Goes on to the next block, if it has been translated, else to the loop.
void LookUpNextBlock(void* tcg_context) asm("tcg_gen_lookup_and_goto_ptr_x86_64");

// Ends a block that is being translated. Where there is none to link it with, the library has it go
// to the loop, which looks for interrupts: after iret and each load of a segment register. Nudges
// are seen without, at the start of every block.
void RealEndBlock(void* tcg_context, const void* block, unsigned int successor)
    LGUEST_REAL(tcg_gen_exit_tb_x86_64);
void EndBlock(void* tcg_context, const void* block, unsigned int successor)
    LGUEST_WRAP(tcg_gen_exit_tb_x86_64);
void EndBlock(void* tcg_context, const void* block, unsigned int successor) {
  if (block == nullptr) return LookUpNextBlock(tcg_context);
  RealEndBlock(tcg_context, block, successor);
}

// `int`, `len` bytes long, which %eip is still at. The library would leave translated code here and
// have its loop call the hook of exceptions.
[[noreturn]] void RealInterrupt(char* env, int vector, int len)
    LGUEST_REAL(helper_raise_interrupt_x86_64);
void RaiseSoftwareInterrupt(char* env, int vector, int len)
    LGUEST_WRAP(helper_raise_interrupt_x86_64);
void RaiseSoftwareInterrupt(char* env, int vector, int len) {
  UnicornInternals* const owner = UnicornInternals::current();
  if (!owner->has_env()) RealInterrupt(env, vector, len);
  owner->OnSoftwareInterrupt(static_cast<uint8_t>(vector), static_cast<uint8_t>(len));
}

// Makes a block call a helper. After that one, which does not return in the library, it has no
// code.
void RealCall(void* tcg_context, void* helper, void* result, int count, void** arguments)
    LGUEST_REAL(tcg_gen_callN_x86_64);
void Call(void* tcg_context, void* helper, void* result, int count, void** arguments)
    LGUEST_WRAP(tcg_gen_callN_x86_64);
void Call(void* tcg_context, void* helper, void* result, int count, void** arguments) {
  RealCall(tcg_context, helper, result, count, arguments);
  if (helper == reinterpret_cast<void*>(&RaiseSoftwareInterrupt)) LookUpNextBlock(tcg_context);
}

// While it translates, the library announces each instruction by an operation of its own, and then
// reads its bytes.
void RealEmit(void* tcg_context, int opcode, uint64_t a, uint64_t b)
    LGUEST_REAL(tcg_gen_op2_x86_64);
void Emit(void* tcg_context, int opcode, uint64_t a, uint64_t b) LGUEST_WRAP(tcg_gen_op2_x86_64);
void Emit(void* tcg_context, int opcode, uint64_t a, uint64_t b) {
  if (opcode == kInstructionStart) UnicornInternals::current()->OnInstructionStart();
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

// Instructions that the library gives a meaning of its own to: all are #GP(0) here. One function
// under all their names, since equal functions might be merged into calls of one, which would spoil
// the return address.
void RaiseGeneralProtection(void* env) asm("lguest_raise_gp");
void RaiseGeneralProtection(void* env) {
  RaiseException(env, kGeneralProtection, 0,
                 reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}
#define LGUEST_RAISE_GP(symbol)                                       \
  void RaiseGeneralProtection_##symbol(void* env) LGUEST_WRAP(symbol) \
      __attribute__((alias("lguest_raise_gp")))

// Let through at any privilege, where there is neither IOPL nor a permission bitmap to allow it.
LGUEST_RAISE_GP(helper_inb_x86_64);
LGUEST_RAISE_GP(helper_inw_x86_64);
LGUEST_RAISE_GP(helper_inl_x86_64);
LGUEST_RAISE_GP(helper_outb_x86_64);
LGUEST_RAISE_GP(helper_outw_x86_64);
LGUEST_RAISE_GP(helper_outl_x86_64);
// The first does nothing there; the others raise #UD, rdpmc at a stale %eip.
LGUEST_RAISE_GP(helper_sysenter_x86_64);
LGUEST_RAISE_GP(helper_sysexit_x86_64);
LGUEST_RAISE_GP(helper_rdpmc_x86_64);

// Does nothing there; the processors that we resemble do not have it.
void Syscall(void* env, int len) LGUEST_WRAP(helper_syscall_x86_64);
void Syscall(void* env, int /*len*/) {
  RaiseException(env, kInvalidOpcode, 0, reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}

// Shows features that do not work here, whatever model is asked for.
void Cpuid(char* env) LGUEST_WRAP(helper_cpuid_x86_64);
void Cpuid(char* env) { UnicornInternals::current()->OnCpuid(env); }

// Segment loads, far returns and iret use memory through these. The library's versions go through
// all its lists of hooks each time; a hit in the TLB needs none of that.
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
  // Not equal as well where the page has translated code.
  if (entry.write != PageOf(address) || OffsetOf(address) > kPageSize - sizeof(value)) {
    return RealStore32(env, address, value, mmu_index, ra);
  }
  std::memcpy(entry.At(address), &value, sizeof(value));
}

// An image of EFLAGS with VM set makes the library's iret enter virtual-8086 mode from any ring. A
// processor ignores the bit outside ring 0; since no code has a use for that, it is refused here.
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
    // %eip too, although it does not matter: a stack that is not there is to fault at its first
    // word.
    if (word(2) != word(0) + 8 || !IsReadable(cpu, word(0), 3 * sizeof(uint32_t))) {
      Load32(env, word(0), kMmuKernel, ra);
    }
    const uint32_t eflags = Load32(env, word(2), kMmuKernel, ra);
    if ((eflags & kEflagsVirtual8086) != 0) RaiseException(env, kGeneralProtection, 0, ra);
  }
  RealIret(env, size, next_eip);
}

}  // namespace lguest::hostsim
