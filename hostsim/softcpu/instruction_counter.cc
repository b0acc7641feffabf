#include "hostsim/softcpu/instruction_counter.h"

#include <algorithm>

namespace lguest::hostsim {

void InstructionCounter::StopAt(std::optional<uint64_t> count) {
  stop_ = count.value_or(kNever);
  Refill();
}

void InstructionCounter::Reset() {
  words_.budget = 0;
  words_.refused = 0;
  end_ = 0;
  debug_stop_ = kNever;
  pass_at_ = kNever;
  at_breakpoint_ = false;
  StopAt(std::nullopt);
}

bool InstructionCounter::TakeStop() {
  if (count() < stop_) return false;
  StopAt(std::nullopt);
  return true;
}

std::optional<DebugHit::Kind> InstructionCounter::TakeDebugStop() {
  std::optional<DebugHit::Kind> kind;
  if (std::exchange(at_breakpoint_, false)) kind = DebugHit::Kind::kInstruction;
  if (count() >= debug_stop_) {
    debug_stop_ = kNever;
    kind = DebugHit::Kind::kAccess;
  }
  Refill();
  return kind;
}

bool InstructionCounter::OnLoop(bool is_breakpoint) {
  restored_ = false;
  fetch_fault_ = false;
  const uint32_t refusal = std::exchange(words_.refused, 0);
  const uint32_t refused = refusal & ~kBreakpointFlag;
  words_.budget += refused;
  if (refusal != refused) {
    words_.budget += kBreakpointCost;
    if (is_stop_due()) return true;
    if (is_breakpoint && pass_at_ != count()) {
      at_breakpoint_ = true;
      return true;
    }
    Refill();
    words_.next_cflags = 1;
    return false;
  }
  if (is_stop_due()) return true;
  if (refused == 0) return false;
  Refill();
  // The stop is inside the refused block. Run the first part of the block, as a block of its own.
  const uint64_t left = std::min(stop_, debug_stop_) - count();
  if (refused > left) words_.next_cflags = static_cast<uint32_t>(left);
  return false;
}

bool InstructionCounter::OnException() {
  const bool fetch_fault = std::exchange(fetch_fault_, false);
  const bool restored = std::exchange(restored_, false);
  if (fetch_fault && is_stop_due()) return false;
  if (fetch_fault || restored) Add(1);
  return true;
}

std::optional<uint64_t> InstructionCounter::TimeStampAt(uint64_t count) const {
  if (!time_stamp_.has_value()) return std::nullopt;
  return time_stamp_->offset + count * time_stamp_->per_instruction;
}

void InstructionCounter::SetEnd(uint64_t end) {
  words_.budget += static_cast<int64_t>(end - end_);
  end_ = end;
}

void InstructionCounter::Refill() {
  const uint64_t now = count();
  const uint64_t stop = std::min(stop_, debug_stop_);
  SetEnd(stop <= now ? now : now + std::min(stop - now, kPollInterval));
}

}  // namespace lguest::hostsim
