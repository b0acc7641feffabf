#include "launcher/base/deadly_signals.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace lguest {
namespace {

// Signals that do not end a process by default, or that cannot be handled.
constexpr std::array kHarmless = {SIGCHLD, SIGCONT, SIGURG,  SIGWINCH, SIGSTOP,
                                  SIGTSTP, SIGTTIN, SIGTTOU, SIGKILL};

// The newest object.
std::atomic<DeadlySignalAction*> g_first = nullptr;
static_assert(std::atomic<DeadlySignalAction*>::is_always_lock_free);

void OnDeadlySignal(int signal) {
  const int saved_errno = errno;
  DeadlySignalAction::RunAll();
  // The signal stays blocked while this handler runs. When the handler returns, the signal is
  // delivered again, with its default effect.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  raise(signal);
  errno = saved_errno;
}

void ReplaceHandler(void (*from)(int), void (*to)(int)) {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (std::find(kHarmless.begin(), kHarmless.end(), signal) != kHarmless.end()) continue;
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0) continue;  // one of the C library's own
    if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != from) continue;
    action.sa_handler = to;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

DeadlySignalAction::DeadlySignalAction(Action action, void* context)
    : action_(action), context_(context), next_(g_first.load()) {
  g_first.store(this);
  ReplaceHandler(SIG_DFL, OnDeadlySignal);
}

DeadlySignalAction::~DeadlySignalAction() {
  if (g_first.load() == this) {
    g_first.store(next_.load());
  } else {
    DeadlySignalAction* newer = g_first.load();
    while (newer->next_.load() != this) newer = newer->next_.load();
    newer->next_.store(next_.load());
  }
  if (g_first.load() == nullptr) ReplaceHandler(OnDeadlySignal, SIG_DFL);
}

void DeadlySignalAction::RunAll() {
  for (const DeadlySignalAction* each = g_first.load(); each != nullptr;
       each = each->next_.load()) {
    each->action_(each->context_);
  }
}

}  // namespace lguest
