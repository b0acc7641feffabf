#include "hostsim/kvm/kick_signal.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

constexpr long kIntervalNanos = 50'000'000;
constexpr std::chrono::seconds kMaxWait(1);

// Other libraries often use the first real-time signals, so use a later one.
int KickSignal() { return SIGRTMIN + 5; }

}  // namespace

void PrepareKickSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int /*signal*/) {};
  // SA_RESTART restarts all other system calls. KVM_RUN returns EINTR in spite of it.
  action.sa_flags = SA_RESTART;
  sigaction(KickSignal(), &action, nullptr);
}

void SendKickSignal(pid_t thread) { syscall(SYS_tgkill, getpid(), thread, KickSignal()); }

KickTimer::~KickTimer() {
  if (timer_.has_value()) timer_delete(*timer_);
}

absl::Status KickTimer::Create() {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = KickSignal();
  event._sigev_un._tid = gettid();  // glibc 2.36 does not define sigev_notify_thread_id
  timer_t timer = {};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("KVM: creating a timer: ", strerror(errno),
                                                     " (limit of pending signals: ulimit -i)"));
  }
  timer_ = timer;
  return absl::OkStatus();
}

absl::StatusOr<bool> KickTimer::ArmOrExpire() {
  const auto now = std::chrono::steady_clock::now();
  if (armed_at_.has_value()) return now - *armed_at_ > kMaxWait;
  if (!timer_.has_value()) RETURN_IF_ERROR(Create());
  armed_at_ = now;
  const itimerspec often = {.it_interval = {.tv_sec = 0, .tv_nsec = kIntervalNanos},
                            .it_value = {.tv_sec = 0, .tv_nsec = kIntervalNanos}};
  timer_settime(timer_.value_or(timer_t()), 0, &often, nullptr);
  return false;
}

void KickTimer::Stop() {
  if (!armed_at_.has_value() || !timer_.has_value()) return;
  armed_at_.reset();
  const itimerspec never = {};
  timer_settime(*timer_, 0, &never, nullptr);
}

}  // namespace lguest::hostsim
