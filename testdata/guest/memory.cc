#include "testdata/guest/memory.h"

// Linked into the kernel and into the user programs. The compiler would turn plain copy loops into
// calls of these very functions, so they use the CPU's string instructions.

// NOLINTBEGIN(readability-identifier-naming): names of the C library.
extern "C" {

void* memcpy(void* to, const void* from, size_t bytes) {
  void* end = to;
  asm volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(bytes) : : "memory");
  return to;
}

void* memmove(void* to, const void* from, size_t bytes) {
  if (to <= from || static_cast<const char*>(from) + bytes <= to) return memcpy(to, from, bytes);
  void* last = static_cast<char*>(to) + bytes - 1;
  const void* last_from = static_cast<const char*>(from) + bytes - 1;
  asm volatile("std; rep movsb; cld" : "+D"(last), "+S"(last_from), "+c"(bytes) : : "memory");
  return to;
}

void* memset(void* to, int value, size_t bytes) {
  void* end = to;
  asm volatile("rep stosb" : "+D"(end), "+c"(bytes) : "a"(value) : "memory");
  return to;
}

int memcmp(const void* left, const void* right, size_t bytes) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (size_t i = 0; i < bytes; ++i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

void* memchr(const void* from, int value, size_t bytes) {
  const auto* bytes_of = static_cast<const unsigned char*>(from);
  for (size_t i = 0; i < bytes; ++i) {
    if (bytes_of[i] == static_cast<unsigned char>(value)) {
      return const_cast<unsigned char*>(bytes_of + i);
    }
  }
  return nullptr;
}

size_t strlen(const char* text) {
  size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
