// Loads a guest: kernel, initrd, page tables and boot parameters (ABI.md §3, VIRTIO_ABI.md §2).

#ifndef LOADER_LOAD_GUEST_H_
#define LOADER_LOAD_GUEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"
#include "loader/segment.h"

namespace lguest::loader {

// The user's input.
struct GuestImage {
  std::string kernel;                // path of an ELF vmlinux (which may be gzipped) or a bzImage
  std::vector<std::string> initrds;  // paths; the guest gets their contents one after the other
  std::string command_line;          // for the kernel; at most kCommandLineSize - 1 bytes
};

// The boot state that a host needs, besides the memory size.
struct LoadedGuest {
  const GuestAbi* abi = &FirstGuestAbi();  // the kernel's generation
  GuestPhys page_directory;                // 0 if the guest starts without page tables
  GuestVirt entry;
  uint32_t page_offset = 0;  // virtual minus physical address; of no use before LGUEST_INIT if the
                             // kernel unpacks itself
  uint32_t ram_size = 0;     // bytes that the kernel knows; device pages follow. See UsableRam()

  // Where the initial RAM disk is; size 0: there is none.
  GuestPhys initrd;
  uint32_t initrd_size = 0;
  std::vector<GuestRange> contents;  // all that has been written

  std::vector<std::string> notes;  // one line for each step, for verbose output
};

// Fills the first `ram_size` bytes of `memory` (a multiple of the page size; device pages may
// follow) as ABI.md §3 requires. `memory` must be all zeroes.
//
// After an error the contents of `memory` are unspecified. The message is one line and names the
// file and the cause. Codes:
//   InvalidArgument                           a file has invalid contents
//   OutOfRange                                the memory is too small; the message names the part
//   NotFound, PermissionDenied, Unavailable   a file cannot be opened or read
//   FailedPrecondition                        the command line is too long or `ram_size` invalid
//   other                                     an internal error of the launcher
absl::StatusOr<LoadedGuest> LoadGuest(GuestMemory& memory, uint32_t ram_size,
                                      const GuestImage& image);

}  // namespace lguest::loader

#endif  // LOADER_LOAD_GUEST_H_
