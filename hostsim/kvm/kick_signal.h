// The signal that fetches a thread out of KVM_RUN.

#ifndef HOSTSIM_KVM_KICK_SIGNAL_H_
#define HOSTSIM_KVM_KICK_SIGNAL_H_

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <optional>

namespace lguest::hostsim {

// Makes the signal harmless to this process, from now on: it ends KVM_RUN, and nothing else.
void PrepareKickSignal();

// Sends it to `thread` of this process, if there is such a thread.
void SendKickSignal(pid_t thread);

// Watches over a wait for a guest that may never give in. Belongs to the thread that waits.
class KickTimer {
 public:
  KickTimer() = default;
  ~KickTimer();
  KickTimer(const KickTimer&) = delete;
  KickTimer& operator=(const KickTimer&) = delete;

  // The wait is on, or goes on: this thread gets the signal again and again. True once it has
  // lasted for so long that it is hopeless.
  bool ArmOrExpire();

  // The wait is over.
  void Stop();

 private:
  std::optional<timer_t> timer_;
  std::optional<std::chrono::steady_clock::time_point> armed_at_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KICK_SIGNAL_H_
