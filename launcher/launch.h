// From a command line that has been understood to a guest that has run.

#ifndef LAUNCHER_LAUNCH_H_
#define LAUNCHER_LAUNCH_H_

#include "launcher/base/log.h"
#include "launcher/exit_status.h"
#include "launcher/options.h"

namespace lguest {

// Builds the machine, loads the kernel and runs the guest to its end, with its console on standard
// input and output. `notice` gets what the user has to know, errors included; `verbose`, which may
// be null, what is done.
ExitStatus Launch(const Options& options, const LogSink& log, const LogSink& verbose);

}  // namespace lguest

#endif  // LAUNCHER_LAUNCH_H_
