// An orderly end on SIGTERM, SIGHUP and SIGINT.

#ifndef LAUNCHER_END_SIGNAL_H_
#define LAUNCHER_END_SIGNAL_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "launcher/base/wake_pipe.h"

namespace lguest {

// Turns the first of these signals into a readable descriptor, so that the launcher can write out
// and clean up what it has. The second one ends the process at once, as without this object.
//
// At most one object exists, because signal handlers are per process.
class EndSignal {
 public:
  // Prepares, but changes no handler yet.
  static absl::StatusOr<std::unique_ptr<EndSignal>> Create();

  ~EndSignal();
  EndSignal(const EndSignal&) = delete;
  EndSignal& operator=(const EndSignal&) = delete;

  // Handles the signals from now on, except those that the program ignores. Call when somebody
  // watches fd().
  void Handle();

  // Readable once a signal has arrived.
  int fd() const { return pipe_.fd(); }

  // The signal; 0: none has arrived.
  static int signal();

  // Ends the process by the signal that has arrived, so that the parent process sees which one it
  // was. Returns if none has.
  static void Raise();

 private:
  explicit EndSignal(WakePipe pipe) : pipe_(std::move(pipe)) {}

  const WakePipe pipe_;
};

}  // namespace lguest

#endif  // LAUNCHER_END_SIGNAL_H_
