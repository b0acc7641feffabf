// What the fuzz targets of kernel files share.

#ifndef LOADER_TESTING_LOAD_ANY_KERNEL_H_
#define LOADER_TESTING_LOAD_ANY_KERNEL_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace lguest::loader {

// Loads `image`, with its first bytes replaced by `start`, into a small guest, and aborts unless
// the result is either a guest whose parts all lie where they may, or an error of one line that
// blames the file.
void LoadAnyKernel(std::span<const std::byte> image, std::string_view start);

}  // namespace lguest::loader

#endif  // LOADER_TESTING_LOAD_ANY_KERNEL_H_
