// Keeps the process from all files that it has not opened yet.

#ifndef LAUNCHER_SANDBOX_LANDLOCK_H_
#define LAUNCHER_SANDBOX_LANDLOCK_H_

#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lguest::sandbox {

// The version of the kernel's Landlock. Unimplemented: it has none.
absl::StatusOr<long> LandlockVersion();

// Forbids this thread, and all threads that it starts, every access to files by name, every TCP
// connection, and signals to other processes, as far as the kernel's Landlock knows of them. One
// access is left: to remove files from `directories`. Open files are not affected.
//
// Unimplemented: the kernel has no Landlock. The process has no_new_privs.
absl::Status RestrictFiles(std::span<const std::string> directories);

}  // namespace lguest::sandbox

#endif  // LAUNCHER_SANDBOX_LANDLOCK_H_
