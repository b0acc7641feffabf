// ParseMemorySize() accepts exactly the sizes that the usage text allows. The message for any other
// text contains the text.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "launcher/options.h"
#include "tools/fuzz/fuzz_target.h"

namespace {

void Check(bool good) {
  if (!good) std::abort();
}

// Returns the size `text` in megabytes, as the usage text defines it, or nullopt if `text` is
// invalid or the size is too large.
std::optional<uint64_t> Megabytes(std::string_view text) {
  uint64_t scale = 1;
  if (!text.empty() && std::string_view("mMgG").find(text.back()) != std::string_view::npos) {
    if (text.back() == 'g' || text.back() == 'G') scale = 1024;
    text.remove_suffix(1);
  }
  if (text.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
    if (number > lguest::kMaxMemoryMegabytes) return std::nullopt;
  }
  number *= scale;
  if (number == 0 || number > lguest::kMaxMemoryMegabytes) return std::nullopt;
  return number;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto memory = lguest::ParseMemorySize(text);
  const std::optional<uint64_t> expected = Megabytes(text);
  if (memory.ok()) {
    Check(expected.has_value() && *memory == *expected << 20);
  } else {
    Check(!expected.has_value());
    Check(memory.status().message().find(text) != std::string_view::npos);
  }
  return 0;
}
