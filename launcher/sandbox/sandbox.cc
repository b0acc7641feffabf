#include "launcher/sandbox/sandbox.h"

#include <malloc.h>
#include <sys/prctl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/thread.h"
#include "launcher/sandbox/descriptors.h"
#include "launcher/sandbox/filter.h"
#include "launcher/sandbox/landlock.h"
#include "launcher/sandbox/violation.h"

namespace lguest {
namespace {

class LinuxSandbox final : public Sandbox {
 public:
  LinuxSandbox(sandbox::Filter all_threads, sandbox::Filter guest_thread)
      : all_threads_(std::move(all_threads)), guest_thread_(std::move(guest_thread)) {}

  absl::Status RunGuest(std::function<void()> body) override {
    ASSIGN_OR_RETURN(Thread thread, Thread::Start([body = std::move(body)] {
                       sandbox::BecomeGuestThread();
                       body();
                       sandbox::FinishGuestThread();
                     }));
    thread.Detach();
    sandbox::WaitForGuestThread();
    return absl::OkStatus();
  }

  absl::Status Seal() override {
    RETURN_IF_ERROR(sandbox::Load(all_threads_, sandbox::Scope::kAllThreads));
    return sandbox::Load(guest_thread_, sandbox::Scope::kThisThread);
  }

 private:
  const sandbox::Filter all_threads_;
  const sandbox::Filter guest_thread_;
};

// From now on all memory of malloc() is in the heap that brk() makes larger, also that of other
// threads.
void KeepToOneHeap() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Enter(SandboxMode mode, const SandboxNeeds& needs,
                                                        const LogSink& verbose) {
  if (mode == SandboxMode::kOff) return nullptr;
  if (!sandbox::KernelHasFilters()) {
    if (verbose) verbose("sandbox: none: it needs seccomp filters and Linux 4.6");
    return nullptr;
  }
  ASSIGN_OR_RETURN(sandbox::Filter all_threads,
                   sandbox::MakeFilter(sandbox::Thread::kOther, mode, needs));
  ASSIGN_OR_RETURN(sandbox::Filter guest_thread,
                   sandbox::MakeFilter(sandbox::Thread::kGuest, mode, needs));
  sandbox::HandleViolations(mode);
  KeepToOneHeap();
  sandbox::CloseInheritedDescriptors();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus("sandbox: no_new_privs");
  // Landlock has no mode that only logs.
  if (mode == SandboxMode::kOn) {
    const absl::Status restricted = sandbox::RestrictFiles(needs.socket_directories);
    if (absl::IsUnimplemented(restricted)) {
      if (verbose) verbose(absl::StrCat("sandbox: without Landlock: ", restricted.message()));
    } else if (!restricted.ok()) {
      return restricted;
    }
  }
  return std::make_unique<LinuxSandbox>(std::move(all_threads), std::move(guest_thread));
}

}  // namespace lguest
