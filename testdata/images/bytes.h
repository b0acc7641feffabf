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

// Reproducible noise.
Bytes Noise(size_t size, uint32_t seed);

void Append(Bytes& to, std::span<const std::byte> bytes);

// Overwrites what is at `offset`, growing `bytes` where needed.
void Put(Bytes& bytes, size_t offset, std::span<const std::byte> what);
void Put8(Bytes& bytes, size_t offset, uint8_t value);
void Put16(Bytes& bytes, size_t offset, uint16_t value);
void Put32(Bytes& bytes, size_t offset, uint32_t value);
void Put64(Bytes& bytes, size_t offset, uint64_t value);

// One gzip member that unpacks to `bytes`, compressed at `level` (0 to 9).
Bytes Gzip(std::span<const std::byte> bytes, int level = 6);

// What a guest kernel's image looks like to a loader: `size` bytes (at least 64) of code that reads
// memory above `page_offset` (0xA1 instructions), and at `magic_offset` (< size - 13) the entry's
// magic, the first instruction behind it.
Bytes KernelCode(size_t size, uint32_t page_offset, size_t magic_offset);

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_BYTES_H_
