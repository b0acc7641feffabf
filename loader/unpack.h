// The kernel inside a compressed image.

#ifndef LOADER_UNPACK_H_
#define LOADER_UNPACK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "launcher/base/anonymous_mapping.h"
#include "launcher/guest/guest_memory.h"
#include "loader/layout.h"
#include "loader/segment.h"

namespace lguest::loader {

// The bytes of a kernel file.
struct KernelFile {
  std::string_view name;  // for messages
  std::span<const std::byte> bytes;
  int fd = -1;  // of the same file, to map from; -1: none, bytes are copied
};

// No kernel that could run in a guest is larger when unpacked, whatever the file pretends.
inline constexpr uint64_t kLargestKernel = uint64_t{1} << 30;

struct UnpackedKernel {
  // A bare kernel lies in guest memory already.
  GuestRange raw;

  // An ELF file has still to be loaded. `elf` lies in `buffer`.
  AnonymousMapping buffer;
  std::span<const std::byte> elf;
};

// Finds the gzip payload of `file`, where its header says or else wherever there is one, and
// unpacks it. A bare kernel goes straight into `memory`, behind the command line and up to `limit`
// (exclusive). Nothing is left in memory of places that only looked like a payload.
//
// InvalidArgument, naming the file, the place and the reason, when there is none, it is truncated
// or corrupt, or compressed in another way; OutOfRange when the kernel does not fit below `limit`.
absl::StatusOr<UnpackedKernel> UnpackKernel(GuestMemory& memory, const KernelFile& file,
                                            const LoadTarget& target, uint32_t limit);

}  // namespace lguest::loader

#endif  // LOADER_UNPACK_H_
