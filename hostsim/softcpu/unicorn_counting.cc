// The part of UnicornInternals that knows where the instruction counter meets the library.

#include <cstdint>
#include <memory>
#include <optional>

#include "hostsim/softcpu/instruction_counter.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {

void UnicornInternals::StartCounting() {
  counter_ = std::make_unique<InstructionCounter>(InstructionCounter::Words{
      .budget = EnvField<int64_t>(layout_.budget),
      .refused = EnvField<uint32_t>(layout_.refused),
      .next_cflags = *reinterpret_cast<uint32_t*>(cpu_ + layout_.next_cflags)});
}

bool UnicornInternals::OnLoop() {
  const bool stop_is_due = counter_ != nullptr && counter_->OnLoop();
  return PollExitRequest() || stop_is_due;
}

void UnicornInternals::OnRestore(const char* block, uint32_t index) {
  const uint32_t instructions = BlockInstructions(block) - index;
  if (probing_) {
    probed_.instructions = instructions;
  } else {
    counter_->OnRestore(instructions);
  }
}

bool UnicornInternals::OnTimeStamp(uintptr_t ra) {
  if (counter_ == nullptr) return false;
  const std::optional<uint64_t> value =
      counter_->TimeStampAt(counter_->count() - Probe(ra).instructions);
  if (!value.has_value()) return false;
  constexpr int kEax = 0;
  constexpr int kEdx = 2;
  set_reg(kEax, static_cast<uint32_t>(*value));
  set_reg(kEdx, static_cast<uint32_t>(*value >> 32));
  return true;
}

}  // namespace lguest::hostsim
