// Building blocks of test images.

#ifndef TESTDATA_IMAGES_BYTES_H_
#define TESTDATA_IMAGES_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lguest::testdata {

using Bytes = std::vector<std::byte>;

Bytes FromString(std::string_view text);

// Reproducible pseudo-random bytes.
Bytes Noise(size_t size, uint32_t seed);

void Append(Bytes& to, std::span<const std::byte> bytes);

// Overwrites the bytes at `offset`. Grows `bytes` if needed.
void Put(Bytes& bytes, size_t offset, std::span<const std::byte> what);
void Put8(Bytes& bytes, size_t offset, uint8_t value);
void Put16(Bytes& bytes, size_t offset, uint16_t value);
void Put32(Bytes& bytes, size_t offset, uint32_t value);
void Put64(Bytes& bytes, size_t offset, uint64_t value);

// Returns one gzip member that unpacks to `bytes`, compressed at `level` (0 to 9).
Bytes Gzip(std::span<const std::byte> bytes, int level = 6);

// Returns an image that a loader accepts as guest kernel code: `size` bytes (at least 64) of code
// that reads memory above `page_offset` (0xA1 instructions). At `magic_offset` (< size - 13) is the
// magic of the entry, and after it the first instruction. Code of 1024 bytes and more also passes
// addresses of texts (0xB8 instructions), which say that it runs at `load_address` above
// `page_offset`.
Bytes KernelCode(size_t size, uint32_t page_offset, size_t magic_offset,
                 uint32_t load_address = 0x100000);

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_BYTES_H_
