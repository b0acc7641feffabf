// The guest kernel's command line (ABI.md §3.4).

#ifndef LOADER_COMMAND_LINE_H_
#define LOADER_COMMAND_LINE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace lguest::loader {

// What a guest kernel copies of its command line, the NUL at its end included; it cuts silently.
// (Kernels before 2.6.21 copied 256.)
inline constexpr uint32_t kCommandLineSize = 2048;

// FailedPrecondition when it is longer than the guest takes in, or has a NUL inside.
absl::Status CheckCommandLine(std::string_view command_line);

}  // namespace lguest::loader

#endif  // LOADER_COMMAND_LINE_H_
