// Compressed data told by the bytes it starts with.

#ifndef LOADER_COMPRESSION_FORMATS_H_
#define LOADER_COMPRESSION_FORMATS_H_

#include <cstddef>
#include <optional>
#include <span>

namespace lguest::loader {

// True when a gzip member can start here: magic, the one method there is, no reserved flag (RFC
// 1952, section 2.3).
bool IsGzip(std::span<const std::byte> bytes);

// The first place at or behind `from` where a gzip member can start; it need not be one.
std::optional<size_t> FindGzip(std::span<const std::byte> bytes, size_t from);

// The name of the other format, of those that kernels come in, which starts here; nullptr: none.
const char* OtherFormatName(std::span<const std::byte> bytes);

struct FoundFormat {
  const char* name;
  size_t offset;
};

// The first place where another format than gzip starts.
std::optional<FoundFormat> FindOtherFormat(std::span<const std::byte> bytes);

}  // namespace lguest::loader

#endif  // LOADER_COMPRESSION_FORMATS_H_
