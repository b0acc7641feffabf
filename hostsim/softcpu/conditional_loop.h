// Emulates loope and loopne. Unicorn computes wrong flags for them.

#ifndef HOSTSIM_SOFTCPU_CONDITIONAL_LOOP_H_
#define HOSTSIM_SOFTCPU_CONDITIONAL_LOOP_H_

#include <cstdint>
#include <optional>

#include "hostsim/softcpu/instruction_filter.h"

namespace lguest::hostsim {

struct LoopState {
  uint32_t ecx = 0;
  uint32_t eip = 0;
};

// Executes the loope or loopne at `before.eip` and returns the new state, or nullopt if the
// instruction is another one. `peek(n)` returns byte n of the instruction, as in
// IsHiddenFromUnicorn(). `code32`: the D bit of the code segment.
template <typename Peek>
std::optional<LoopState> ExecuteConditionalLoop(const LoopState& before, bool zero_flag,
                                                bool code32, Peek peek) {
  constexpr uint8_t kOpcode = 0xe0;  // loopne; loope has bit 0 set
  constexpr uint32_t kLow = 0xffff;
  bool locked = false;
  const int at = internal::FindOpcode(peek, locked);
  if (at < 0 || locked || (peek(at) & 0xfe) != kOpcode) return std::nullopt;
  bool long_address = code32;
  bool long_operand = code32;
  for (int i = 0; i < at; ++i) {
    if (peek(i) == 0x67) long_address = !code32;
    if (peek(i) == 0x66) long_operand = !code32;
  }
  LoopState after = before;
  const uint32_t mask = long_address ? 0xffffffff : kLow;
  const uint32_t count = (before.ecx - 1) & mask;
  after.ecx = (before.ecx & ~mask) | count;
  after.eip += static_cast<uint32_t>(at) + 2;
  if (count != 0 && zero_flag == ((peek(at) & 1) != 0)) {
    after.eip += static_cast<uint32_t>(static_cast<int8_t>(peek(at + 1)));
  }
  if (!long_operand) after.eip &= kLow;
  return after;
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_CONDITIONAL_LOOP_H_
