// The part of UnicornInternals that knows where the instruction counter meets the library.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "hostsim/softcpu/instruction_counter.h"
#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {

bool RestoreState(void* cpu, uintptr_t ra, bool will_exit) asm("cpu_restore_state_x86_64");
[[noreturn]] void CpuLoopExit(void* cpu) asm("cpu_loop_exit_noexc_x86_64");

void UnicornInternals::StartCounting() {
  counter_ = std::make_unique<InstructionCounter>(InstructionCounter::Words{
      .budget = EnvField<int64_t>(layout_.budget),
      .refused = EnvField<uint32_t>(layout_.refused),
      .next_cflags = *reinterpret_cast<uint32_t*>(cpu_ + layout_.next_cflags)});
}

bool UnicornInternals::OnLoop() {
  const bool stop_is_due =
      counter_ != nullptr && counter_->OnLoop(debug_ != nullptr && debug_->IsBreakpoint(eip()));
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

DebugPoints& UnicornInternals::debug() {
  if (debug_ == nullptr) debug_ = std::make_unique<DebugPoints>();
  return *debug_;
}

int UnicornInternals::TakeBreakpointLimit() { return std::exchange(breakpoint_limit_, 0); }

void UnicornInternals::OnWatchedPage(uint32_t address, uint32_t len, bool is_write, uintptr_t ra) {
  const std::optional<uint32_t> byte = debug_->WatchedByte(address, len, is_write);
  if (!byte.has_value() || counter_->stops_after(counter_->count() - Probe(ra).instructions)) {
    return;
  }
  hit_ = {.kind = DebugHit::Kind::kAccess, .address = *byte, .is_write = is_write};
  RestoreState(cpu_, ra, /*will_exit=*/true);
  counter_->StopAfterNext();
  CpuLoopExit(cpu_);
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
