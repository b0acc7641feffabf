// What a kernel is told by whoever loads it (ABI.md §3.3, the "zero page" of the Linux boot
// protocol).

#ifndef LOADER_BOOT_PARAMS_H_
#define LOADER_BOOT_PARAMS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "loader/segment.h"

namespace lguest::loader {

inline constexpr GuestPhys kBootParamsAddress{0};
inline constexpr uint32_t kBootParamsSize = kPageSize;
inline constexpr GuestPhys kCommandLineAddress{kPageSize};

struct BootParams {
  uint32_t ram_size = 0;             // bytes
  std::string command_line;          // has passed CheckCommandLine()
  std::optional<GuestRange> initrd;  // with the size that its file has
};

// Writes the boot parameters and the command line. OutOfRange when guest memory ends before them.
absl::Status WriteBootParams(GuestMemory& memory, const BootParams& params);

}  // namespace lguest::loader

#endif  // LOADER_BOOT_PARAMS_H_
