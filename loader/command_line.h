// The guest kernel's command line (ABI.md §3.4).

#ifndef LOADER_COMMAND_LINE_H_
#define LOADER_COMMAND_LINE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace lguest::loader {

// The bytes of the command line that a guest kernel copies, including the final NUL. A kernel
// truncates a longer line without a message. Kernels before 2.6.21 copied only 256 bytes.
inline constexpr uint32_t kCommandLineSize = 2048;

// FailedPrecondition when the line has more than kCommandLineSize - 1 bytes or contains a NUL.
absl::Status CheckCommandLine(std::string_view command_line);

}  // namespace lguest::loader

#endif  // LOADER_COMMAND_LINE_H_
