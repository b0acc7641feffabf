// Translation between guest-physical addresses and the kernel's virtual addresses.

#ifndef TESTDATA_GUEST_MEMORY_H_
#define TESTDATA_GUEST_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace guest {

inline constexpr uint32_t kPageOffset = 0xC0000000;
inline constexpr uint32_t kPageSize = 4096;

// The kernel maps RAM at kPageOffset, as much as fits, then the pages of devices. The host's area
// is above these. The kernel does not use RAM that does not fit.
inline constexpr uint32_t kDeviceWindow = 0xFF800000;
inline constexpr uint32_t kDeviceWindowBytes = 0x00400000;
inline constexpr uint32_t kMaxLinearBytes = kDeviceWindow - kPageOffset;

// The guest-physical address of an object in the kernel's linear map.
inline uint32_t ToPhys(const void* address) {
  return reinterpret_cast<uint32_t>(address) - kPageOffset;
}

template <typename T>
T* ToVirt(uint32_t physical) {
  return reinterpret_cast<T*>(physical + kPageOffset);
}

constexpr uint32_t PageStart(uint32_t address) { return address & ~(kPageSize - 1); }
constexpr uint32_t PageAlignUp(uint32_t address) { return PageStart(address + kPageSize - 1); }

// For memory that the host or an interrupt handler changes.
template <typename T>
T ReadOnce(const T& object) {
  return *static_cast<const volatile T*>(&object);
}

template <typename T>
void WriteOnce(T& object, T value) {
  *static_cast<volatile T*>(&object) = value;
}

}  // namespace guest

// The compiler generates calls of these functions, and there is no C library.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void* memcpy(void* to, const void* from, size_t bytes);
void* memmove(void* to, const void* from, size_t bytes);
void* memset(void* to, int value, size_t bytes);
int memcmp(const void* left, const void* right, size_t bytes);
void* memchr(const void* from, int value, size_t bytes);
size_t strlen(const char* text);
}
// NOLINTEND(readability-identifier-naming)

#endif  // TESTDATA_GUEST_MEMORY_H_
