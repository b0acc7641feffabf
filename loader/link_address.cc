#include "loader/link_address.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "launcher/guest/address.h"
#include "loader/little_endian.h"

namespace lguest::loader {
namespace {

// Limits for a crafted file. A kernel of a few megabytes has thousands of both.
constexpr size_t kSearched = size_t{64} << 20;
constexpr size_t kMostConstants = size_t{1} << 20;
constexpr size_t kMostTextsOfAClass = 8;

constexpr size_t kShortestText = 8;
constexpr uint32_t kNeeded = 8;
constexpr uint32_t kPageOffsetStep = 128u << 20;
constexpr uint32_t kDataOffsetStep = 16u << 20;

// The offsets of texts, by their distance from the start of a page. Only those of one class can be
// meant by a constant.
using Texts = std::array<std::vector<uint32_t>, kPageSize>;

bool IsTextByte(std::byte byte) {
  return (byte >= std::byte{' '} && byte <= std::byte{'~'}) || byte == std::byte{'\n'};
}

// A text follows a NUL, and ends in one.
Texts FindTexts(std::span<const std::byte> code) {
  Texts texts;
  size_t start = code.size();  // of the text that is being read, if any
  for (size_t at = 0; at < code.size(); ++at) {
    if (code[at] == std::byte{}) {
      if (start < at && at - start >= kShortestText) {
        std::vector<uint32_t>& text_class = texts[start % kPageSize];
        if (text_class.size() < kMostTextsOfAClass) {
          text_class.push_back(static_cast<uint32_t>(start));
        }
      }
      start = at + 1;
    } else if (!IsTextByte(code[at])) {
      start = code.size();
    }
  }
  return texts;
}

bool IsInstructionWithConstant(std::byte opcode) {
  constexpr std::byte kPush{0x68};
  constexpr std::byte kFirstMove{0xb8};  // to %eax; the last is to %edi
  constexpr std::byte kLastMove{0xbf};
  return opcode == kPush || (opcode >= kFirstMove && opcode <= kLastMove);
}

// Each once, because numbers such as 0 are frequent.
std::vector<uint32_t> FindConstants(std::span<const std::byte> code) {
  std::vector<uint32_t> constants;
  for (size_t at = 0; at + sizeof(uint32_t) < code.size(); ++at) {
    if (!IsInstructionWithConstant(code[at])) continue;
    constants.push_back(LoadLittleEndian<uint32_t>(code, at + 1));
    if (constants.size() == kMostConstants) break;
  }
  std::sort(constants.begin(), constants.end());
  constants.erase(std::unique(constants.begin(), constants.end()), constants.end());
  return constants;
}

}  // namespace

absl::StatusOr<uint32_t> InferLinkAddress(std::span<const std::byte> code, std::string_view name) {
  code = code.first(std::min(code.size(), kSearched));
  const Texts texts = FindTexts(code);
  std::vector<uint32_t> votes(size_t{1} << (32 - kPageShift));  // by page
  for (const uint32_t constant : FindConstants(code)) {
    for (const uint32_t text : texts[constant % kPageSize]) {
      ++votes[(constant - text) >> kPageShift];
    }
  }
  const auto best = std::max_element(votes.begin(), votes.end());
  const uint32_t most = std::exchange(*best, 0);
  const uint32_t second = *std::max_element(votes.begin(), votes.end());
  if (most < kNeeded || most <= uint64_t{2} * second) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: cannot infer the load address from the code: at most %u addresses of texts agree on "
        "it, and %u on another one",
        name, most, second));
  }
  return static_cast<uint32_t>(best - votes.begin()) << kPageShift;
}

absl::StatusOr<LinkPlace> DivideLinkAddress(uint32_t link_address, uint32_t size,
                                            uint32_t data_offset, std::string_view name) {
  const uint32_t first = link_address / kDataOffsetStep * kDataOffsetStep;
  if (data_offset < first || data_offset >= uint64_t{link_address} + size) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: cannot infer the load address from the code: its texts say that it "
                        "runs at %#x, and its data that it runs above %#x",
                        name, link_address, data_offset));
  }
  const uint32_t load_address = link_address % kPageOffsetStep;
  return LinkPlace{.page_offset = link_address - load_address, .load_address = load_address};
}

}  // namespace lguest::loader
