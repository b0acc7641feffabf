// How much memory a kernel can use.

#ifndef LOADER_USABLE_RAM_H_
#define LOADER_USABLE_RAM_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace lguest::loader {

// The bytes of `ram_size` that the kernel with this image (unpacked) and page offset can use.
//
// A Linux kernel without support for high memory uses what its linear map reaches and forgets the
// rest, also when it looks for the device pages, which follow the memory (ABI.md §1.7). So it must
// not be told of more, or it finds no console. Such a kernel is known by the advice that it would
// print about its configuration. Any other kernel gets all of `ram_size`. Kernels after 2.6.23
// (`is_virtio`) keep a little more of the address space for themselves.
uint32_t UsableRam(std::span<const std::byte> image, uint32_t page_offset, uint32_t ram_size,
                   bool is_virtio = false);

// The same for a kernel that unpacks itself, from the gzip member in `packed`. A kernel that is
// packed in another format gets all of `ram_size`.
uint32_t UsableRamOfPacked(std::span<const std::byte> packed, uint32_t page_offset,
                           uint32_t ram_size);

}  // namespace lguest::loader

#endif  // LOADER_USABLE_RAM_H_
