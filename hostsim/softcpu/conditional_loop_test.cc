#include "hostsim/softcpu/conditional_loop.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace lguest::hostsim {
namespace {

constexpr uint32_t kEip = 0x08048000;

std::optional<LoopState> Execute(uint32_t ecx, bool zero, const std::vector<uint8_t>& code) {
  return ExecuteConditionalLoop({.ecx = ecx, .eip = kEip}, zero, /*code32=*/true,
                                [&](int n) { return code.at(static_cast<size_t>(n)); });
}

// If `code` is not a conditional loop, returns a state that no test expects.
LoopState StateAfter(uint32_t ecx, bool zero, const std::vector<uint8_t>& code) {
  return Execute(ecx, zero, code).value_or(LoopState{.ecx = 0x0badc0de, .eip = 0x0badc0de});
}

TEST(ConditionalLoopTest, LoopsWhileZfMatchesAndEcxIsNotZero) {
  for (const bool zero : {false, true}) {
    const uint8_t wants_zero = 0xe1;
    const uint8_t wants_other = 0xe0;
    EXPECT_EQ(StateAfter(5, zero, {wants_zero, 0x10}).eip, kEip + 2 + (zero ? 0x10u : 0u));
    EXPECT_EQ(StateAfter(5, zero, {wants_other, 0xf0}).eip, kEip + 2 - (zero ? 0u : 0x10u));
    EXPECT_EQ(StateAfter(1, zero, {wants_zero, 0x10}).eip, kEip + 2);
  }
  EXPECT_EQ(StateAfter(5, true, {0xe1, 0x10}).ecx, 4u);
  EXPECT_EQ(StateAfter(0, true, {0xe1, 0x10}).ecx, 0xffffffffu);
}

TEST(ConditionalLoopTest, PrefixesSelect16BitCounterAndTarget) {
  EXPECT_EQ(StateAfter(0x70001, true, {0x67, 0xe1, 0x10}).ecx, 0x70000u);
  EXPECT_EQ(StateAfter(0x70001, true, {0x67, 0xe1, 0x10}).eip, kEip + 3);
  EXPECT_EQ(StateAfter(5, true, {0x66, 0xe1, 0x10}).eip, (kEip + 3 + 0x10) & 0xffff);
}

TEST(ConditionalLoopTest, OtherInstructionsAreNotExecuted) {
  EXPECT_FALSE(Execute(5, true, {0xe2, 0x10}).has_value());        // loop
  EXPECT_FALSE(Execute(5, true, {0xf0, 0xe1, 0x10}).has_value());  // lock
  EXPECT_FALSE(Execute(5, true, {0x0f, 0x0b}).has_value());
}

}  // namespace
}  // namespace lguest::hostsim
