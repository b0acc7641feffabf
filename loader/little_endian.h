// Loads and stores unaligned little-endian numbers of files and guest memory.

#ifndef LOADER_LITTLE_ENDIAN_H_
#define LOADER_LITTLE_ENDIAN_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace lguest::loader {

static_assert(std::endian::native == std::endian::little,
              "guest and launcher share one byte order");

// Loads the number at `offset`. The caller has checked that it lies inside `bytes`.
template <typename T>
T LoadLittleEndian(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Stores a number at `offset`, which the caller has checked. The caller names T, because the
// interface defines the width of a field, not the type of `value`.
template <typename T>
void StoreLittleEndian(std::span<std::byte> bytes, size_t offset, std::type_identity_t<T> value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace lguest::loader

#endif  // LOADER_LITTLE_ENDIAN_H_
