// What a guest's memory contains when the guest starts.

#ifndef LAUNCHER_BOOT_IMAGE_H_
#define LAUNCHER_BOOT_IMAGE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/guest/guest_memory.h"
#include "loader/segment.h"

namespace lguest {

// A copy of the loaded parts, because a confined launcher cannot open the kernel again when the
// guest restarts.
class BootImage {
 public:
  // `contents`: what has been loaded; all other bytes are 0. OutOfRange if a part is not in guest
  // memory.
  static absl::StatusOr<BootImage> Copy(const GuestMemory& memory,
                                        std::span<const loader::GuestRange> contents);

  // Writes the parts back, and zeroes to all other bytes. Does not use pages that are still zero.
  absl::Status Restore(GuestMemory& memory) const;

 private:
  struct Part {
    GuestPhys address;
    std::vector<std::byte> bytes;
  };

  std::vector<Part> parts_;
};

}  // namespace lguest

#endif  // LAUNCHER_BOOT_IMAGE_H_
