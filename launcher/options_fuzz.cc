// ParseOptions() accepts any command line or returns a message. Each line of the input is one word.
// The kernel's command line is a subsequence of these words. Each device is one or two of them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "launcher/options.h"
#include "tools/fuzz/fuzz_target.h"

namespace {

void Check(bool good) {
  if (!good) std::abort();
}

// Returns whether `text` is a subsequence of `words`, joined by single blanks.
bool IsJoinedSubsequence(const std::vector<std::string>& words, std::string_view text) {
  std::set<size_t> starts = {0};  // offsets at which the next word may start
  for (const std::string& word : words) {
    std::set<size_t> next = starts;
    for (const size_t start : starts) {
      const size_t end = start + word.size();
      if (start > text.size() || text.substr(start, word.size()) != word) continue;
      if (end == text.size() || text[end] == ' ') next.insert(end + 1);
    }
    starts = std::move(next);
  }
  return text.empty() || starts.contains(text.size() + 1);
}

void CheckAccepted(const std::vector<std::string>& words, const lguest::Options& options) {
  Check(options.memory > 0 && options.memory <= lguest::kMaxMemoryMegabytes << 20);
  Check(options.memory % (1 << 20) == 0);
  Check(std::find(words.begin(), words.end(), options.kernel) != words.end());

  Check(IsJoinedSubsequence(words, options.command_line));

  // The text of a device is the option and its value. They are one word or two.
  for (const lguest::DeviceOption& device : options.devices) {
    const std::vector<std::string> parts = absl::StrSplit(device.text, absl::MaxSplits('=', 1));
    const bool one_word = std::find(words.begin(), words.end(), device.text) != words.end();
    const auto two_words = std::search(words.begin(), words.end(), parts.begin(), parts.end());
    Check(parts.size() == 2 && (one_word || two_words != words.end()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string> words = absl::StrSplit(std::string(data, data + size), '\n');
  const auto options = lguest::ParseOptions(words);
  if (!options.ok()) {
    Check(!options.status().message().empty());
  } else if (!options->help && !options->version) {
    CheckAccepted(words, *options);
  }
  return 0;
}
