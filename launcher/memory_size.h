// The size of a guest's memory, as the user gives it.

#ifndef LAUNCHER_MEMORY_SIZE_H_
#define LAUNCHER_MEMORY_SIZE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest {

// As much as fits below the launcher where guest memory starts at address 0, in megabytes; the same
// on every host, so that a command line which works on one works on all.
inline constexpr uint32_t kMaxMemoryMegabytes = 0xb80;

// "64", "64m", "64M": megabytes. "1g", "1G": gigabytes. Returns bytes; InvalidArgument, saying what
// is allowed, for anything else and for none or more than kMaxMemoryMegabytes.
absl::StatusOr<uint32_t> ParseMemorySize(std::string_view text);

}  // namespace lguest

#endif  // LAUNCHER_MEMORY_SIZE_H_
