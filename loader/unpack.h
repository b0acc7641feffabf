// Unpacks the kernel of a compressed image.

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
};

// The largest size of an unpacked kernel.
inline constexpr uint64_t kLargestKernel = uint64_t{1} << 30;

struct UnpackedKernel {
  // A bare kernel has been written to guest memory here; size 0 for an ELF file.
  GuestRange raw;
  bool is_placed = false;  // the setup header says that the bare kernel runs here

  // An ELF file is not loaded yet. `elf` lies in `buffer`; both are empty for a bare kernel.
  AnonymousMapping buffer;
  std::span<const std::byte> elf;
};

// Finds the gzip payload of `file` and unpacks it. The setup header gives the payload's offset;
// without this field the whole file is searched. A bare kernel is written to `memory`, above the
// command line and below `limit` (exclusive). A false match leaves no bytes in `memory`.
//
// InvalidArgument, with file, offset and cause, when there is no payload, or it is truncated,
// corrupt or compressed in another format; OutOfRange when the kernel does not fit below `limit`.
absl::StatusOr<UnpackedKernel> UnpackKernel(GuestMemory& memory, const KernelFile& file,
                                            const LoadTarget& target, uint32_t limit);

}  // namespace lguest::loader

#endif  // LOADER_UNPACK_H_
