#include "devices/block/block_spec.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lguest {

absl::StatusOr<BlockSpec> ParseBlockSpec(std::string_view value) {
  BlockSpec spec;
  size_t i = 0;
  for (; i < value.size(); ++i) {
    if (value[i] == ',') {
      if (i + 1 == value.size() || value[i + 1] != ',') break;
      ++i;  // two stand for one
    }
    spec.path += value[i];
  }
  if (spec.path.empty()) return absl::InvalidArgumentError("no file is named");
  if (i == value.size()) return spec;
  const std::string option(value.substr(i + 1));
  if (option != "readonly") {
    return absl::InvalidArgumentError(
        absl::StrCat("'", option,
                     "' is not known: only 'readonly' may follow the file (a comma in "
                     "the file's name is written twice)"));
  }
  spec.read_only = true;
  return spec;
}

}  // namespace lguest
