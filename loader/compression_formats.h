// Detects compression formats by their first bytes.

#ifndef LOADER_COMPRESSION_FORMATS_H_
#define LOADER_COMPRESSION_FORMATS_H_

#include <cstddef>
#include <optional>
#include <span>

namespace lguest::loader {

// True when `bytes` starts with a valid gzip header: magic, method deflate, no reserved flag (RFC
// 1952, section 2.3).
bool IsGzip(std::span<const std::byte> bytes);

// The offset of the first valid gzip header at or after `from`. No member need follow it.
std::optional<size_t> FindGzip(std::span<const std::byte> bytes, size_t from);

// The name of the kernel compression format, other than gzip, that starts here; nullptr: none.
const char* OtherFormatName(std::span<const std::byte> bytes);

struct FoundFormat {
  const char* name;
  size_t offset;
};

// The first offset where a kernel compression format other than gzip starts.
std::optional<FoundFormat> FindOtherFormat(std::span<const std::byte> bytes);

}  // namespace lguest::loader

#endif  // LOADER_COMPRESSION_FORMATS_H_
