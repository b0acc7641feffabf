// For a launcher that runs on Linux 2.6.23.

#include "launcher/sandbox/sandbox.h"

namespace lguest {

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Enter(SandboxMode mode,
                                                        const SandboxNeeds& /*needs*/,
                                                        const LogSink& verbose) {
  if (mode != SandboxMode::kOff && verbose) {
    verbose("sandbox: none, because Linux 2.6.23 has neither seccomp filters nor Landlock");
  }
  return nullptr;
}

}  // namespace lguest
