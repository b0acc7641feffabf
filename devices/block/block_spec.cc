#include "devices/block/block_spec.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lguest {

absl::StatusOr<BlockSpec> ParseBlockSpec(std::string_view value) {
  BlockSpec spec;
  size_t i = 0;
  for (; i < value.size(); ++i) {
    if (value[i] == ',') {
      if (i + 1 == value.size() || value[i + 1] != ',') break;
      ++i;  // `,,` stands for one comma
    }
    spec.path += value[i];
  }
  if (spec.path.empty()) return absl::InvalidArgumentError("the file name is empty");
  if (i == value.size()) return spec;
  for (const std::string_view option : absl::StrSplit(value.substr(i + 1), ',')) {
    if (option == "readonly") {
      spec.read_only = true;
    } else if (option == "format=raw") {
      spec.is_raw = true;
    } else if (option == "lock=off") {
      spec.wants_lock = false;
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown option '", option,
          "': only 'readonly', 'format=raw' and 'lock=off' may follow the file name (write a "
          "comma in the file name twice)"));
    }
  }
  return spec;
}

}  // namespace lguest
