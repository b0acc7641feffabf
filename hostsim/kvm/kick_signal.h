// The signal that makes KVM_RUN return.

#ifndef HOSTSIM_KVM_KICK_SIGNAL_H_
#define HOSTSIM_KVM_KICK_SIGNAL_H_

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lguest::hostsim {

// Installs an empty handler for the signal in this process. From then on the signal only makes
// KVM_RUN return.
void PrepareKickSignal();

// Sends the signal to `thread` of this process. Does nothing if the thread does not exist.
void SendKickSignal(pid_t thread);

// Limits the time for which a thread runs a guest that does not leave the switcher. Belongs to that
// thread.
class KickTimer {
 public:
  KickTimer() = default;
  ~KickTimer();
  KickTimer(const KickTimer&) = delete;
  KickTimer& operator=(const KickTimer&) = delete;

  // Makes the kernel's timer for this thread. ResourceExhausted, with what helps, if there is none
  // to be had.
  absl::Status Create();

  // Starts the wait if none is active. During the wait, this thread gets the signal every 50 ms.
  // Returns true if the wait has lasted longer than 1 s. The error of Create(), if that was not
  // called before.
  absl::StatusOr<bool> ArmOrExpire();

  // Ends the wait.
  void Stop();

 private:
  std::optional<timer_t> timer_;
  std::optional<std::chrono::steady_clock::time_point> armed_at_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KICK_SIGNAL_H_
