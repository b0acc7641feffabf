// The wraps of library functions that count instructions (link_wrap.h): they emit the check at the
// start of each block, and find the place in a block at which the guest leaves it. Without a
// counter they only call the library's own functions.

#include "hostsim/softcpu/unicorn_count_wraps.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "hostsim/softcpu/instruction_counter.h"
#include "hostsim/softcpu/link_wrap.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {
namespace {

// Opcodes of the library's intermediate code (TCGOpcode).
constexpr int kMovI32 = 6;    // INDEX_op_movi_i32
constexpr int kLoadI32 = 13;  // INDEX_op_ld_i32
constexpr int kStoreI32 = 16;
constexpr int kMovI64 = 64;
constexpr int kLoadI64 = 73;
constexpr int kStoreI64 = 77;
constexpr int kSubI64 = 79;

// TCGType.
constexpr int kTypeI32 = 0;
constexpr int kTypeI64 = 1;

// The index of an instruction in its block travels above cc_op in the second word that the library
// stores for each instruction.
constexpr uint32_t kIndexShift = 8;

}  // namespace

// The start of one operation (TCGOp) in a list. An operand is a constant or the address of a
// temporary.
struct Operation {
  uint64_t opcode_and_flags;
  Operation* next;
  std::byte* previous_link;  // address of `next` in the previous operation
  uint64_t operands[3];      // and more

  int opcode() const { return static_cast<int>(opcode_and_flags & 0xff); }
  const Operation& previous() const {
    return *reinterpret_cast<const Operation*>(previous_link - offsetof(Operation, next));
  }
};
static_assert(offsetof(Operation, operands) == 24);

// `tcg` is a TCGContext*. The library passes a temporary as its address, or as its distance from
// the TCGContext.
Operation* EmitOperation(void* tcg, int opcode) asm("tcg_emit_op_x86_64");
void RemoveOperation(void* tcg, Operation* operation) asm("tcg_op_remove_x86_64");
void Emit2(void* tcg, int opcode, uint64_t a, uint64_t b) LGUEST_REAL(tcg_gen_op2_x86_64);
void Emit3(void* tcg, int opcode, uint64_t a, uint64_t b, uint64_t c) asm("tcg_gen_op3_x86_64");
std::byte* NewTemporary(void* tcg, int type, bool local) asm("tcg_temp_new_internal_x86_64");
void FreeTemporary(void* tcg, std::byte* temporary) asm("tcg_temp_free_internal_x86_64");
void EmitBranch64(void* tcg, int condition, ptrdiff_t value, int64_t limit,
                  void* label) asm("tcg_gen_brcondi_i64_x86_64");

// Discards the operations that have been emitted for a block.
void StartCode(void* tcg) asm("tcg_func_start_x86_64");

// The TCGContext of the block that is being generated.
thread_local void* g_tcg = nullptr;

// Generates the code of a block. tb_gen_code() calls it again, with fewer instructions, if the code
// is too long.
void RealGenerate(void* cpu, void* block, int max_instructions)
    LGUEST_REAL(gen_intermediate_code_x86_64);
void Generate(void* cpu, void* block, int max_instructions)
    LGUEST_WRAP(gen_intermediate_code_x86_64);
void Generate(void* cpu, void* block, int max_instructions) {
  UnicornInternals& owner = *UnicornInternals::current();
  owner.OnGenerationStart(block);
  RealGenerate(cpu, block, max_instructions);
  // An instruction with a breakpoint must be the first of its block: end this block before it.
  const int limit = owner.TakeBreakpointLimit();
  if (limit == 0) return;
  StartCode(g_tcg);
  owner.OnGenerationStart(block);
  RealGenerate(cpu, block, limit);
  owner.TakeBreakpointLimit();
}

// Emits a branch to `label` if `value` compares with `limit`. Each block starts with
//   ld_i32 value,[icount_decr]; brcondi_i32 value < 0,label
// Here the check of the budget replaces the branch. The library then drops the load, because nobody
// uses its result. The library ends a basic block at a branch, so the budget is stored before it.
void RealEmitBranch32(void* tcg, int condition, ptrdiff_t value, int32_t limit, void* label)
    LGUEST_REAL(tcg_gen_brcondi_i32_x86_64);
void EmitBranch32(void* tcg, int condition, ptrdiff_t value, int32_t limit, void* label)
    LGUEST_WRAP(tcg_gen_brcondi_i32_x86_64);
void EmitBranch32(void* tcg, int condition, ptrdiff_t value, int32_t limit, void* label) {
  const UnicornInternals& owner = *UnicornInternals::current();
  g_tcg = tcg;
  InstructionCounter* const counter = owner.counter();
  if (counter == nullptr || !std::exchange(counter->block().starts, false)) {
    return RealEmitBranch32(tcg, condition, value, limit, label);
  }
  const auto operand = [](const void* temporary) { return reinterpret_cast<uint64_t>(temporary); };
  const auto distance = [tcg](const std::byte* temporary) {
    return temporary - static_cast<std::byte*>(tcg);
  };
  Operation* const mov = EmitOperation(tcg, kMovI64);
  const Operation& load = mov->previous();
  const ptrdiff_t icount = owner.layout().icount_high - 2;
  if (load.opcode() != kLoadI32 ||
      load.operands[0] != operand(static_cast<std::byte*>(tcg) + value) ||
      load.operands[2] != static_cast<uint64_t>(icount)) {
    RemoveOperation(tcg, mov);  // another library: unicorn_count_experiments.cc finds that
    return RealEmitBranch32(tcg, condition, value, limit, label);
  }
  const uint64_t env = load.operands[1];
  std::byte* const instructions = NewTemporary(tcg, kTypeI64, /*local=*/false);
  std::byte* const budget = NewTemporary(tcg, kTypeI64, /*local=*/false);
  mov->operands[0] = operand(instructions);
  mov->operands[1] = 0;  // EmitRefusal() puts the number here
  const auto at = static_cast<uint64_t>(owner.layout().budget);
  Emit3(tcg, kLoadI64, operand(budget), env, at);
  Emit3(tcg, kSubI64, operand(budget), operand(budget), operand(instructions));
  Emit3(tcg, kStoreI64, operand(budget), env, at);
  EmitBranch64(tcg, condition, distance(budget), limit, label);
  FreeTemporary(tcg, budget);
  FreeTemporary(tcg, instructions);
  counter->block() = {.env = env, .instructions = &mov->operands[1]};
}

// Now the number of instructions is known.
void EmitRefusal(void* tcg) {
  const UnicornInternals& owner = *UnicornInternals::current();
  if (owner.counter() == nullptr) return;
  const InstructionCounter::Block& block = owner.counter()->block();
  if (block.instructions == nullptr) return;
  auto instructions = static_cast<uint64_t>(owner.instructions_in_block());
  *block.instructions = instructions;
  if (owner.BlockRefuses()) {
    *block.instructions += InstructionCounter::kBreakpointCost;
    instructions |= InstructionCounter::kBreakpointFlag;
  }
  std::byte* const refused = NewTemporary(tcg, kTypeI32, /*local=*/false);
  Emit2(tcg, kMovI32, reinterpret_cast<uint64_t>(refused), instructions);
  Emit3(tcg, kStoreI32, reinterpret_cast<uint64_t>(refused), block.env,
        static_cast<uint64_t>(owner.layout().refused));
  FreeTemporary(tcg, refused);
}

uint64_t AddIndex(uint64_t cc_operation) {
  const UnicornInternals& owner = *UnicornInternals::current();
  if (owner.counter() == nullptr) return cc_operation;
  const auto index = static_cast<uint64_t>(owner.instructions_in_block() - 1);
  return cc_operation | index << kIndexShift;
}

// Sets the state of `env` to that at the start of an instruction of `block`. `words` are those that
// the library has stored for the instruction: %eip and cc_op.
void RealRestore(char* env, const char* block, uint64_t* words)
    LGUEST_REAL(restore_state_to_opc_x86_64);
void Restore(char* env, const char* block, uint64_t* words)
    LGUEST_WRAP(restore_state_to_opc_x86_64);
void Restore(char* env, const char* block, uint64_t* words) {
  UnicornInternals& owner = *UnicornInternals::current();
  if (owner.counter() != nullptr) {
    owner.OnRestore(block, static_cast<uint32_t>(words[1] >> kIndexShift));
    words[1] &= (1u << kIndexShift) - 1;
  }
  RealRestore(env, block, words);
}

// rdtsc. CR4.TSD is never set (kCr4).
void RealReadTimeStamp(char* env) LGUEST_REAL(helper_rdtsc_x86_64);
void ReadTimeStamp(char* env) LGUEST_WRAP(helper_rdtsc_x86_64);
void ReadTimeStamp(char* env) {
  const auto ra = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  if (!UnicornInternals::current()->OnTimeStamp(ra)) RealReadTimeStamp(env);
}

// into. If it traps, it leaves the block like an `int n`, but it may stand in the middle of the
// block. The library does not restore the state then. So take back the rest of the block before.
void RealInterruptOnOverflow(char* env, int len) LGUEST_REAL(helper_into_x86_64);
void InterruptOnOverflow(char* env, int len) LGUEST_WRAP(helper_into_x86_64);
void InterruptOnOverflow(char* env, int len) {
  UnicornInternals& owner = *UnicornInternals::current();
  InstructionCounter* const counter = owner.counter();
  if (counter == nullptr) return RealInterruptOnOverflow(env, len);
  const int64_t rest =
      owner.InstructionsAfter(reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
  counter->Add(-rest);
  RealInterruptOnOverflow(env, len);
  counter->Add(rest);
}

}  // namespace lguest::hostsim
