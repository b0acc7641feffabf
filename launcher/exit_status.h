// What the launcher's exit status tells.

#ifndef LAUNCHER_EXIT_STATUS_H_
#define LAUNCHER_EXIT_STATUS_H_

#include "absl/status/status.h"

namespace lguest {

// Those from 64 on are the ones of <sysexits.h>.
enum class ExitStatus : int {
  kPoweredOff = 0,   // the guest powered off
  kGuestDied = 1,    // the reason is on stderr
  kAborted = 2,      // by the user, with three ^C
  kUsage = 64,       // the command line is wrong
  kBadFile = 65,     // a file is not what it should be, or does not fit
  kCannotOpen = 66,  // a file cannot be opened
  kNoHost = 69,      // nothing here can run a guest
  kInternal = 70,    // a fault of the launcher
};

// For an error met while a file was loaded: the loader tells files that cannot be opened (NotFound,
// PermissionDenied) from those that are wrong.
inline ExitStatus ExitStatusOfFile(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:
      return ExitStatus::kCannotOpen;
    default:
      return ExitStatus::kBadFile;
  }
}

}  // namespace lguest

#endif  // LAUNCHER_EXIT_STATUS_H_
