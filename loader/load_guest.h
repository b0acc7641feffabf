// From a kernel file to guest memory that is ready to start.

#ifndef LOADER_LOAD_GUEST_H_
#define LOADER_LOAD_GUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::loader {

// What a user hands over.
struct GuestImage {
  std::string kernel;                 // path of an ELF vmlinux, a bzImage, or either one gzipped
  std::optional<std::string> initrd;  // path
  std::string command_line;           // for the kernel; at most kCommandLineSize - 1 bytes
};

// What a host has to know of a loaded guest, besides the size of its memory.
struct LoadedGuest {
  GuestPhys page_directory;
  GuestVirt entry;
  uint32_t page_offset = 0;  // virtual minus physical address

  std::vector<std::string> notes;  // a line for each thing done, for those who want to know
};

// Fills the first `ram_size` bytes of `memory` (a multiple of the page size; device pages may
// follow) as ABI.md §3 wants it. `memory` is fresh: all zeroes. The files have to keep their length
// while the guest lives, for its memory may be a private mapping of them.
//
// On an error the contents of `memory` are of no use. Its message is one line and says what is
// wrong with which file; its code says whose fault it is:
//   InvalidArgument                           a file is not what it should be
//   OutOfRange                                the memory is too small, the message says for what
//   NotFound, PermissionDenied, Unavailable   a file cannot be opened or read
//   FailedPrecondition                        the command line is too long, or `ram_size` no size
//   anything else                             the launcher's own trouble
absl::StatusOr<LoadedGuest> LoadGuest(GuestMemory& memory, uint32_t ram_size,
                                      const GuestImage& image);

}  // namespace lguest::loader

#endif  // LOADER_LOAD_GUEST_H_
