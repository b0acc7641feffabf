// Confines the launcher while a guest runs.

#ifndef LAUNCHER_SANDBOX_SANDBOX_H_
#define LAUNCHER_SANDBOX_SANDBOX_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/log.h"
#include "launcher/sandbox/mode.h"

namespace lguest {

// What the launcher does while a guest runs, besides serving its console.
struct SandboxNeeds {
  bool disks = false;
  bool kvm = false;
  std::vector<std::string> socket_directories;  // of shared networks; may hold a path twice
};

// After Enter() the process has no file that it did not open itself, and opens no other one
// (Landlock). After Seal() it makes only the system calls of calls.cc (seccomp): a list for the
// thread that runs the guest, and a longer one for the others. What the kernel does not have is
// left out.
//
// A forbidden call ends the process with status 70 and one sentence that names the call. With
// SandboxMode::kLog it is named, once for each call, and executed.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<Sandbox> sandbox, Sandbox::Enter(mode, needs, verbose));
//   RETURN_IF_ERROR(sandbox->RunGuest([&] {
//     ...                     // starts the last threads
//     sandbox->Seal();
//     ...                     // runs the guest
//   }));
//
// One object in a process, never destroyed before the process ends: there is no way out.
class Sandbox {
 public:
  // When all files are open, and before the first thread is started. Closes all descriptors that
  // the process has inherited, except the standard ones and those that are close-on-exec by now.
  // nullptr: `mode` is kOff, or the kernel has no seccomp filters. `verbose`, which may be null,
  // gets what the kernel does not have.
  static absl::StatusOr<std::unique_ptr<Sandbox>> Enter(SandboxMode mode, const SandboxNeeds& needs,
                                                        const LogSink& verbose);

  virtual ~Sandbox() = default;

  // Runs `body` on a thread of its own and returns when it has returned. On the main thread, which
  // meanwhile handles all signals. The thread then sleeps until the process ends.
  // ResourceExhausted: there is no thread to be had.
  virtual absl::Status RunGuest(std::function<void()> body) = 0;

  // Confines all threads of the process. In `body`, once, when all threads are running. The errno
  // of seccomp() as a status.
  virtual absl::Status Seal() = 0;
};

}  // namespace lguest

#endif  // LAUNCHER_SANDBOX_SANDBOX_H_
