// Experiments with the instruction counter. They come after all others, and only if the CPU counts.

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "hostsim/softcpu/instruction_counter.h"
#include "hostsim/softcpu/machine_code.h"
#include "hostsim/softcpu/unicorn_experiments.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {

absl::Status UnicornCheck::RunCounted() {
  stop_ = false;
  RETURN_IF_ERROR(Padding());
  RETURN_IF_ERROR(BlockLimit());
  // The code of the experiments does not run again: a guest cannot execute their pages.
  cpu_.StartCounting();
  RETURN_IF_ERROR(CountedBlock());
  RETURN_IF_ERROR(CountedFault());
  RETURN_IF_ERROR(CountedTimeStamp());
  cpu_.StartCounting();
  return absl::OkStatus();
}

// The words lie between icount_decr and CPUX86State, and the library neither reads nor writes them.
absl::Status UnicornCheck::Padding() {
  const UnicornLayout& layout = cpu_.layout_;
  if (layout.refused < layout.icount_high + 2 || layout.budget < layout.refused + 4 ||
      layout.budget + 8 > 0) {
    return Differs("padding");
  }
  auto& refused = cpu_.EnvField<uint32_t>(layout.refused);
  auto& budget = cpu_.EnvField<uint64_t>(layout.budget);
  if (refused != 0 || budget != 0) return Differs("padding");
  constexpr uint32_t kRefused = 0x89abcdef;
  constexpr uint64_t kBudget = 0x8123456789abcdef;
  refused = kRefused;
  budget = kBudget;
  cpu_.FlushAll();
  const Code code = Code().Op({0x36, 0xa3}, kData).Op({0x0f, 0xa2}).Done();
  if (!Finishes(code) || std::exchange(refused, 0) != kRefused ||
      std::exchange(budget, 0) != kBudget) {
    return Differs("padding");
  }
  return absl::OkStatus();
}

// nop; nop; nop; int. The first block may have one instruction only.
absl::Status UnicornCheck::BlockLimit() {
  auto& next_cflags = *reinterpret_cast<uint32_t*>(cpu_.cpu_ + cpu_.layout_.next_cflags);
  constexpr uint32_t kNone = ~uint32_t{0};
  if (next_cflags != kNone) return Differs("cflags_next_tb");
  next_cflags = 1;
  const uint32_t at = Place(Code().Op({0x90}).Op({0x90}).Op({0x90}).Done());
  if (!FinishesAt(at) || next_cflags != kNone || cpu_.BlockPc(cpu_.last_block_) != at + 1) {
    return Differs("cflags_next_tb");
  }
  if (cpu_.BlockInstructions(cpu_.last_block_) != 3) return Differs("TranslationBlock");
  return absl::OkStatus();
}

// Ten times inc %eax, and int. First with a stop before the fifth inc, then without a stop.
absl::Status UnicornCheck::CountedBlock() {
  InstructionCounter& counter = *cpu_.counter();
  Code code;
  for (int i = 0; i < 10; ++i) code.Op({0x40});
  const uint32_t at = Place(code.Done());
  const uint32_t before = cpu_.reg(0);
  counter.StopAt(4);
  if (StartAt(at) != UC_ERR_OK || vector_ != 0 || cpu_.eip() != at + 4 ||
      cpu_.reg(0) != before + 4 || counter.count() != 4 || !counter.TakeStop()) {
    return Differs("stop at a count");
  }
  if (!FinishesAt(at + 4) || counter.count() != 11 || !FinishesAt(at) || counter.count() != 22) {
    return Differs("instruction count");
  }
  return absl::OkStatus();
}

// inc %eax; inc %eax; mov %eax,%ss:kUnmapped; inc %eax.
absl::Status UnicornCheck::CountedFault() {
  const uint64_t before = cpu_.counter()->count();
  const Code code = Code().Op({0x40}).Op({0x40}).Op({0x36, 0xa3}, kUnmapped).Op({0x40}).Done();
  if (Start(code) != UC_ERR_OK || vector_ != kPageFaultVector ||
      cpu_.counter()->count() != before + 3) {
    return Differs("restore_state_to_opc");
  }
  return absl::OkStatus();
}

// nop; rdtsc; nop; int.
absl::Status UnicornCheck::CountedTimeStamp() {
  const uint64_t before = cpu_.counter()->count();
  cpu_.counter()->SetTimeStamp({.offset = uint64_t{5} << 32, .per_instruction = 3});
  const bool finished = Finishes(Code().Op({0x90}).Op({0x0f, 0x31}).Op({0x90}).Done());
  if (!finished || cpu_.reg(0) != 3 * (before + 1) || cpu_.reg(2) != 5) return Differs("rdtsc");
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
