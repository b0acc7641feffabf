// The launcher's exit status, and how errors map to it.

#ifndef LAUNCHER_EXIT_STATUS_H_
#define LAUNCHER_EXIT_STATUS_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lguest {

// From 64 on, the statuses of <sysexits.h>.
enum class ExitStatus : int {
  kPoweredOff = 0,   // the guest powered off
  kGuestDied = 1,    // the reason is on stderr
  kAborted = 2,      // by the user, with three ^C
  kRestarted = 3,    // the guest asked for a restart
  kUsage = 64,       // the command line is wrong
  kBadFile = 65,     // a file is not what it should be, or does not fit
  kCannotOpen = 66,  // a file cannot be opened
  kNoHost = 69,      // nothing here can run a guest
  kInternal = 70,    // a fault of the launcher
};

// What the launcher was doing when an error occurred.
enum class Stage : uint8_t {
  kOptions,    // reading the command line
  kHost,       // choosing, making or initializing the host
  kMemory,     // allocating guest memory
  kKernel,     // loading kernel and initrd
  kRecording,  // opening the file of --record or --replay, and comparing it
  kDevices,    // opening what devices need, and attaching the devices
  kStatsFile,  // opening the file of --stats or --script
  kRun,        // running the guest
};

// Notes the stage in an error, unless it has a stage already. Returns OK unchanged.
absl::Status AtStage(Stage stage, absl::Status error);

template <typename T>
absl::StatusOr<T> AtStage(Stage stage, absl::StatusOr<T> result) {
  if (!result.ok()) return AtStage(stage, std::move(result).status());
  return result;
}

// The exit status for an error with a stage; kInternal without one.
ExitStatus ExitStatusOfError(const absl::Status& error);

// The exit status for the reason of a guest's death, as Host::Run() reports it.
ExitStatus ExitStatusOfDeath(std::string_view reason);

}  // namespace lguest

#endif  // LAUNCHER_EXIT_STATUS_H_
