#include "loader/page_offset.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest::loader {
namespace {

constexpr int kLoadEax = 0xa1;          // mov moffs32, %eax
constexpr size_t kInstructionSize = 5;  // opcode and address
constexpr uint32_t kTopByteShift = 24;
constexpr uint32_t kNeeded = 4;  // more than three times

using Tallies = std::array<uint32_t, 256>;

Tallies CountTopBytes(std::span<const std::byte> code) {
  Tallies tallies = {};
  if (code.size() < kInstructionSize) return tallies;
  const std::byte* at = code.data();
  const std::byte* const end = at + code.size() - (kInstructionSize - 1);
  while (at < end) {
    const void* const found = std::memchr(at, kLoadEax, static_cast<size_t>(end - at));
    if (found == nullptr) break;
    at = static_cast<const std::byte*>(found);
    ++tallies[std::to_integer<size_t>(at[kInstructionSize - 1])];
    ++at;
  }
  return tallies;
}

std::string Describe(const Tallies& tallies) {
  constexpr size_t kShown = 4;
  std::array<uint8_t, 256> ranking;
  std::iota(ranking.begin(), ranking.end(), uint8_t{0});
  std::stable_sort(ranking.begin(), ranking.end(),
                   [&](uint8_t a, uint8_t b) { return tallies[a] > tallies[b]; });
  std::string text;
  for (size_t i = 0; i < kShown && tallies[ranking[i]] != 0; ++i) {
    absl::StrAppendFormat(&text, "%s0x%02x %u times", i == 0 ? "" : ", ", unsigned{ranking[i]},
                          tallies[ranking[i]]);
  }
  return text.empty() ? "none" : text;
}

bool IsDominant(uint32_t tally, uint32_t runner_up) {
  return tally >= kNeeded && tally > uint64_t{2} * runner_up;
}

}  // namespace

absl::StatusOr<uint32_t> InferPageOffset(std::span<const std::byte> code, uint32_t load_address,
                                         std::string_view name) {
  const Tallies tallies = CountTopBytes(code);
  const auto best = std::max_element(tallies.begin(), tallies.end());

  // The number of further top bytes that the addresses of a kernel of this size have.
  const uint64_t kernel_end = uint64_t{load_address} + code.size();
  const auto steps = static_cast<ptrdiff_t>((kernel_end - 1) >> kTopByteShift);
  const auto family_begin = best - std::min(steps, best - tallies.begin());
  const auto family_end = best + 1 + std::min(steps, tallies.end() - best - 1);
  // Top byte 0 is never the runner-up: small numbers are frequent in tables and code of any kernel.
  uint32_t runner_up = 0;
  for (auto tally = tallies.begin() + 1; tally != tallies.end(); ++tally) {
    if (tally < family_begin || tally >= family_end) runner_up = std::max(runner_up, *tally);
  }
  if (!IsDominant(*best, runner_up)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: cannot infer the page offset from the code: no top byte of addresses after 0xa1 "
        "dominates with %u or more occurrences (seen: %s)",
        name, kNeeded, Describe(tallies)));
  }
  const auto first = std::find_if(family_begin, best,
                                  [&](uint32_t tally) { return IsDominant(tally, runner_up); });
  return static_cast<uint32_t>(first - tallies.begin()) << kTopByteShift;
}

}  // namespace lguest::loader
