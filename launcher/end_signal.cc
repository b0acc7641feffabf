#include "launcher/end_signal.h"

#include <array>
#include <atomic>
#include <csignal>

#include "launcher/base/deadly_signals.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGHUP, SIGINT};

// For the handler, which can only use globals.
std::atomic<const WakePipe*> g_pipe = nullptr;
std::atomic<int> g_signal = 0;
static_assert(std::atomic<const WakePipe*>::is_always_lock_free &&
              std::atomic<int>::is_always_lock_free);

void SetHandler(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigaction(signal, &action, nullptr);
}

void OnSignal(int signal) {
  int none = 0;
  const WakePipe* const pipe = g_pipe.load();
  if (pipe != nullptr && g_signal.compare_exchange_strong(none, signal)) {
    pipe->Wake();
    return;
  }
  DeadlySignalAction::RunAll();
  SetHandler(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EndSignal>> EndSignal::Create() {
  ASSIGN_OR_RETURN(WakePipe pipe, WakePipe::Create());
  // Not make_unique: the constructor is private.
  return std::unique_ptr<EndSignal>(new EndSignal(std::move(pipe)));
}

void EndSignal::Handle() {
  g_pipe.store(&pipe_);
  for (const int signal : kSignals) {
    struct sigaction previous = {};
    sigaction(signal, nullptr, &previous);
    if (previous.sa_handler != SIG_IGN) SetHandler(signal, OnSignal);
  }
}

EndSignal::~EndSignal() { g_pipe.store(nullptr); }

int EndSignal::signal() { return g_signal.load(); }

void EndSignal::Raise() {
  const int signal = g_signal.load();
  if (signal == 0) return;
  SetHandler(signal, SIG_DFL);
  raise(signal);
}

}  // namespace lguest
