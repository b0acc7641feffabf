#include "launcher/sandbox/violation.h"

#include <poll.h>
#include <seccomp.h>
#include <semaphore.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "launcher/base/deadly_signals.h"
#include "launcher/base/vector_io.h"
#include "launcher/sandbox/execute_call.h"

namespace lguest::sandbox {
namespace {

constexpr int kStatus = 70;      // a fault of the launcher
constexpr int kSeccompCode = 1;  // SYS_SECCOMP of the kernel's <asm/siginfo.h>
constexpr int kCallLimit = 512;
constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

// State of the handlers, which can only use globals.
SandboxMode g_mode = SandboxMode::kOff;
std::array<std::array<char, 24>, kCallLimit> g_names;  // of calls; empty: unknown
std::array<std::atomic<bool>, kCallLimit> g_is_named;  // by kLog
thread_local bool t_is_guest = false;

// What the guest's thread leaves to the main thread.
sem_t g_guest_event;
std::atomic<int> g_forbidden_call = -1;
std::atomic<int> g_crash = 0;

// A handler cannot ask libseccomp for a name, because that allocates memory.
void LoadNames() {
  for (int number = 0; number < kCallLimit; ++number) {
    char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    if (name == nullptr) continue;
    std::snprintf(g_names[number].data(), g_names[number].size(), "%s", name);
    std::free(name);
  }
}

// Writes "lguest: sandbox: the launcher called NAME" and `rest`. Async-signal-safe.
void Report(int call, const char* rest) {
  const bool is_known = call >= 0 && call < kCallLimit && g_names[call][0] != '\0';
  std::array<char, 256> text;
  size_t size = 0;
  for (const char* part : {"lguest: sandbox: the launcher called ",
                           is_known ? g_names[call].data() : "an unknown system call", rest}) {
    while (*part != '\0') text[size++] = *part++;
  }
  static_cast<void>(WriteBytes(STDERR_FILENO, text.data(), size));
}

[[noreturn]] void EndByViolation(int call) {
  DeadlySignalAction::RunAll();
  Report(call,
         ", which it must not: this is a fault of the launcher, so please report it "
         "(--sandbox=off runs without the sandbox)\n");
  _exit(kStatus);
}

void EndBySignal(int signal) {
  DeadlySignalAction::RunAll();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

[[noreturn]] void SleepForever() {
  while (true) poll(nullptr, 0, -1);
}

// Executes the call that `context` was about to make.
void Execute(int call, ucontext_t* context) {
  if (call >= 0 && call < kCallLimit && !g_is_named[call].exchange(true)) {
    Report(call, ", which the sandbox forbids\n");
  }
  auto& registers = context->uc_mcontext.gregs;
  const std::array<int64_t, 6> arguments = {registers[REG_RDI], registers[REG_RSI],
                                            registers[REG_RDX], registers[REG_R10],
                                            registers[REG_R8],  registers[REG_R9]};
  registers[REG_RAX] = LguestExecuteCall(call, arguments.data());
}

void OnForbiddenCall(int signal, siginfo_t* info, void* context) {
  if (info->si_code != kSeccompCode) {  // sent by another process
    EndBySignal(signal);
    return;
  }
  const int saved_errno = errno;
  if (g_mode == SandboxMode::kLog) {
    Execute(info->si_syscall, static_cast<ucontext_t*>(context));
    errno = saved_errno;
    return;
  }
  if (!t_is_guest) EndByViolation(info->si_syscall);
  g_forbidden_call.store(info->si_syscall);
  FinishGuestThread();
}

void OnCrash(int signal) {
  if (!t_is_guest) {
    EndBySignal(signal);
    return;
  }
  g_crash.store(signal);
  FinishGuestThread();
}

}  // namespace

void HandleViolations(SandboxMode mode) {
  g_mode = mode;
  LoadNames();
  sem_init(&g_guest_event, 0, 0);
  sigset_t unblocked;
  sigemptyset(&unblocked);
  struct sigaction action = {};
  action.sa_handler = OnCrash;
  for (const int signal : kCrashes) {
    sigaction(signal, &action, nullptr);
    sigaddset(&unblocked, signal);
  }
  action.sa_sigaction = OnForbiddenCall;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSYS, &action, nullptr);
  sigaddset(&unblocked, SIGSYS);
  pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);
}

void BecomeGuestThread() {
  t_is_guest = true;
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int signal = 1; signal < SIGSYS; ++signal) sigaddset(&blocked, signal);
  for (const int signal : kCrashes) sigdelset(&blocked, signal);
  // Blocked, these two would let a background process use the terminal.
  sigdelset(&blocked, SIGTTIN);
  sigdelset(&blocked, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
}

void FinishGuestThread() {
  sem_post(&g_guest_event);
  SleepForever();
}

void WaitForGuestThread() {
  while (sem_wait(&g_guest_event) != 0) {  // a handler of a signal has run
  }
  if (const int call = g_forbidden_call.load(); call != -1) EndByViolation(call);
  if (const int signal = g_crash.load(); signal != 0) EndBySignal(signal);
}

}  // namespace lguest::sandbox
