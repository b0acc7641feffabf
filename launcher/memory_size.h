// The size of a guest's memory, as the user gives it.

#ifndef LAUNCHER_MEMORY_SIZE_H_
#define LAUNCHER_MEMORY_SIZE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest {

// The most that fits below a 32-bit launcher if guest memory starts at address 0, in megabytes. The
// same on every host, so that a command line works on each host.
inline constexpr uint32_t kMaxMemoryMegabytes = 0xb80;

// "64", "64m", "64M": megabytes. "1g", "1G": gigabytes. Returns bytes. InvalidArgument, with what
// is allowed, for anything else, for 0, and for more than kMaxMemoryMegabytes.
absl::StatusOr<uint32_t> ParseMemorySize(std::string_view text);

}  // namespace lguest

#endif  // LAUNCHER_MEMORY_SIZE_H_
