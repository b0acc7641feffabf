// The file of --record or --replay: what a run starts from, and its check.

#ifndef LAUNCHER_RECORDING_H_
#define LAUNCHER_RECORDING_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/options.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_reader.h"
#include "loader/load_guest.h"

namespace lguest {

// What LoadGuest() has put into guest memory.
struct ImageHashes {
  std::string kernel;
  std::string initrd;  // all initial RAM disks joined; empty: there is none
};
ImageHashes HashImages(const GuestMemory& memory, const loader::LoadedGuest& guest);

// What a recorded run of `options` starts from.
timetravel::LogHeader RecordingHeader(const Options& options, const ImageHashes& hashes,
                                      uint16_t guest_id);

// Opens the recording of `options`. If `options` have no kernel, sets memory, kernel, initial RAM
// disks and command line to the recorded ones; else checks that they are the same. In both cases
// sets the devices, the guest's number, and the time of a deterministic run.
//
// DataLoss, with the file, the field and both values, if the file is not a recording, or is one of
// another guest.
absl::StatusOr<std::unique_ptr<timetravel::LogReader>> OpenReplay(Options& options);

// DataLoss if the loaded kernel or initial RAM disk is not the recorded one.
absl::Status CheckImages(const Options& options, const timetravel::LogHeader& header,
                         const ImageHashes& hashes);

}  // namespace lguest

#endif  // LAUNCHER_RECORDING_H_
