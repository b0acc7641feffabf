// Writes the boot parameters, the "zero page" of the Linux boot protocol (ABI.md §3.3).

#ifndef LOADER_BOOT_PARAMS_H_
#define LOADER_BOOT_PARAMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/segment.h"

namespace lguest::loader {

// The bytes of the command line that a guest kernel copies, including the final NUL. A kernel
// truncates a longer line without a message. Kernels before 2.6.21 copied only 256 bytes.
inline constexpr uint32_t kCommandLineSize = 2048;

// FailedPrecondition when the line has more than kCommandLineSize - 1 bytes or contains a NUL.
absl::Status CheckCommandLine(std::string_view command_line);

inline constexpr GuestPhys kBootParamsAddress{0};
inline constexpr uint32_t kBootParamsSize = kPageSize;
inline constexpr GuestPhys kCommandLineAddress{kPageSize};

struct BootParams {
  uint32_t ram_size = 0;             // bytes
  std::string command_line;          // CheckCommandLine() has accepted it
  std::optional<GuestRange> initrd;  // the size is that of its file

  // For a guest that starts at a physical address (VIRTIO_ABI.md §2.2).
  bool starts_physical = false;
  std::vector<std::byte> setup_header = {};  // of a bzImage: SetupHeaderBytes(); empty: none
};

// Writes the boot parameters and the command line. OutOfRange when guest memory is too small.
absl::Status WriteBootParams(GuestMemory& memory, const BootParams& params);

}  // namespace lguest::loader

#endif  // LOADER_BOOT_PARAMS_H_
