#include "launcher/deterministic_options.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lguest {
namespace {

constexpr int64_t kMaxNanos = 1000;

}  // namespace

absl::StatusOr<DeterministicOptions> ParseDeterministicOptions(std::string_view text) {
  DeterministicOptions options;
  std::vector<std::string_view> parts = absl::StrSplit(text, ',');
  std::string_view start = parts.back();
  if (absl::ConsumePrefix(&start, "start=")) {
    if (!absl::SimpleAtoi(start, &options.start.sec)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("'%s' is not a time in seconds since 1970 (up to 4294967295)", start));
    }
    parts.pop_back();
    if (parts.empty()) return options;
  }
  if (parts.size() != 1 || !absl::SimpleAtoi(parts[0], &options.nanos_per_instruction) ||
      options.nanos_per_instruction < 1 || options.nanos_per_instruction > kMaxNanos) {
    return absl::InvalidArgumentError(
        "1 to 1000 nanoseconds for each instruction are needed, and perhaps ,start=SECONDS");
  }
  return options;
}

}  // namespace lguest
