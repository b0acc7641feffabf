// Numbers of a file or of guest memory, which both keep them little-endian and anywhere.

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

// The number at `offset`, which the caller has checked: all of it lies in `bytes`.
template <typename T>
T LoadLittleEndian(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Puts a number at `offset`, which the caller has checked. T is named by the caller: the width of a
// field is a fact of the interface, not of the value.
template <typename T>
void StoreLittleEndian(std::span<std::byte> bytes, size_t offset, std::type_identity_t<T> value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace lguest::loader

#endif  // LOADER_LITTLE_ENDIAN_H_
