// The value of --block.

#ifndef DEVICES_BLOCK_BLOCK_SPEC_H_
#define DEVICES_BLOCK_BLOCK_SPEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest {

struct BlockSpec {
  std::string path;
  bool read_only = false;
  bool is_raw = false;     // also if the file looks like an image of another format
  bool wants_lock = true;  // false: nothing keeps other guests from using the disk, too

  friend bool operator==(const BlockSpec&, const BlockSpec&) = default;
};

// Parses `FILE[,readonly][,format=raw][,lock=off]`. `,,` stands for a comma in the file name.
// InvalidArgument, with the cause, for any other value.
absl::StatusOr<BlockSpec> ParseBlockSpec(std::string_view value);

}  // namespace lguest

#endif  // DEVICES_BLOCK_BLOCK_SPEC_H_
