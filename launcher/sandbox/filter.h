// The seccomp filters of a launcher.

#ifndef LAUNCHER_SANDBOX_FILTER_H_
#define LAUNCHER_SANDBOX_FILTER_H_

#include <linux/filter.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/sandbox/calls.h"
#include "launcher/sandbox/mode.h"
#include "launcher/sandbox/sandbox.h"

namespace lguest::sandbox {

// A program for the kernel.
using Filter = std::vector<sock_filter>;

// False if the kernel cannot filter the calls of all threads at once, or lacks one of them: before
// Linux 4.6, or built without seccomp.
bool KernelHasFilters();

// The filter that allows what calls.cc lists for `thread` and these needs. Every other call raises
// SIGSYS. With kLog, LguestExecuteCall() may make every call.
absl::StatusOr<Filter> MakeFilter(Thread thread, SandboxMode mode, const SandboxNeeds& needs);

enum class Scope : uint8_t { kThisThread, kAllThreads };

// Adds `filter` to those of this thread or of all threads. The process has no_new_privs, or may
// administer the system. The errno of seccomp() as a status; FailedPrecondition: a thread has a
// filter of its own.
absl::Status Load(const Filter& filter, Scope scope);

}  // namespace lguest::sandbox

#endif  // LAUNCHER_SANDBOX_FILTER_H_
