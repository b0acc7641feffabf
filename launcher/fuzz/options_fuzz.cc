// Any command line (a word a line) is understood or refused with a reason; what is understood keeps
// every word, in order.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "launcher/memory_size.h"
#include "launcher/options.h"
#include "loader/fuzz/fuzz_target.h"

namespace {

void Check(bool good) {
  if (!good) std::abort();
}

void CheckUnderstood(const std::vector<std::string>& words, const lguest::Options& options) {
  Check(options.memory > 0 && options.memory <= lguest::kMaxMemoryMegabytes << 20);
  Check(options.memory % (1 << 20) == 0);
  Check(std::find(words.begin(), words.end(), options.kernel) != words.end());

  // The command line is made of given words, in their order.
  auto word = words.begin();
  std::string_view rest = options.command_line;
  while (!rest.empty()) {
    word = std::find_if(word, words.end(), [&](const std::string& candidate) {
      return absl::StartsWith(rest, candidate) &&
             (rest.size() == candidate.size() || rest[candidate.size()] == ' ');
    });
    Check(word != words.end());
    rest.remove_prefix(std::min(rest.size(), word->size() + 1));
    ++word;
  }

  // A device's text is the option and its value, in one word or in two.
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
    CheckUnderstood(words, *options);
  }
  return 0;
}
