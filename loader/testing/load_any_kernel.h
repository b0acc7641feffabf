// Shared code of the fuzz targets for kernel files.

#ifndef LOADER_TESTING_LOAD_ANY_KERNEL_H_
#define LOADER_TESTING_LOAD_ANY_KERNEL_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace lguest::loader {

// Loads `image`, with its first bytes replaced by `start`, into a small guest. Aborts unless the
// result is a guest with all parts inside their limits, or InvalidArgument or OutOfRange with a
// message of one line.
void LoadAnyKernel(std::span<const std::byte> image, std::string_view start);

}  // namespace lguest::loader

#endif  // LOADER_TESTING_LOAD_ANY_KERNEL_H_
