// Recognizes the generation of a guest kernel (VIRTIO_ABI.md §2.4).

#ifndef LOADER_KERNEL_VERSION_H_
#define LOADER_KERNEL_VERSION_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "launcher/guest/guest_abi.h"

namespace lguest::loader {

// The version at the start of `text`: "2.6.31", "4.13.4-200.fc26". nullopt without at least two
// numbers.
std::optional<KernelVersion> ParseKernelVersion(std::string_view text);

// The version in the first "Linux version ..." of an image.
std::optional<KernelVersion> FindKernelVersion(std::span<const std::byte> image);

// True if `code` contains the first hypercall of a guest of 2.6.24 or later.
bool HasGuestEntry(std::span<const std::byte> code);

}  // namespace lguest::loader

#endif  // LOADER_KERNEL_VERSION_H_
