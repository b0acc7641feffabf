// Refuses a command line that names one file twice, if one of the uses writes to it.

#ifndef LAUNCHER_DISTINCT_FILES_H_
#define LAUNCHER_DISTINCT_FILES_H_

#include "absl/status/status.h"
#include "launcher/options.h"

namespace lguest {

// InvalidArgument, with both uses, if a disk, a shared network or the file of --stats,
// --record or --script is also another of these files, the kernel, an initrd or the file of
// --replay. Compares device and inode, opens nothing, and leaves missing files to those who open
// them. Locks do not replace this check: on kernels before 3.15 the locks of one process do not
// conflict with each other.
absl::Status CheckDistinctFiles(const Options& options);

}  // namespace lguest

#endif  // LAUNCHER_DISTINCT_FILES_H_
