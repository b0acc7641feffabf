// Disk images that are not raw.

#ifndef DEVICES_BLOCK_IMAGE_FORMAT_H_
#define DEVICES_BLOCK_IMAGE_FORMAT_H_

#include <cstddef>
#include <span>

namespace lguest {

// Bytes at the start of a file that are enough for ImageFormatName().
inline constexpr size_t kImageFormatBytes = 512;

// The name of the disk image format that starts with `bytes`, by its magic number; nullptr for a
// raw disk, or an unknown format.
const char* ImageFormatName(std::span<const std::byte> bytes);

}  // namespace lguest

#endif  // DEVICES_BLOCK_IMAGE_FORMAT_H_
