// Segments: the flat segments of kernel and user, and thread-local storage (ABI.md §4.4).

#ifndef TESTDATA_GUEST_GDT_H_
#define TESTDATA_GUEST_GDT_H_

#include <cstdint>

namespace guest {

inline constexpr uint16_t kUserCs = 0x73;  // entry 14, ring 3
inline constexpr uint16_t kUserDs = 0x7b;  // entry 15, ring 3

// Access bytes of a data segment, for ring 1 and ring 3.
inline constexpr uint8_t kRing1Data = 0xb3;
inline constexpr uint8_t kRing3Data = 0xf3;

// The limit counts 4096-byte pages, because the granularity bit is set.
constexpr uint64_t MakeSegment(uint32_t base, uint32_t last_page, uint8_t access) {
  const uint64_t low = (uint64_t{base & 0xffff} << 16) | (last_page & 0xffff);
  const uint32_t high = (base & 0xff000000) | 0x00c00000 | (last_page & 0xf0000) |
                        (uint32_t{access} << 8) | ((base >> 16) & 0xff);
  return (uint64_t{high} << 32) | low;
}

void InitGdt();

// Changes one entry and reloads the table.
void SetGdtEntry(uint32_t index, uint64_t descriptor);

// Sets the segment of kTlsSelector.
void LoadTls(uint64_t descriptor);

}  // namespace guest

#endif  // TESTDATA_GUEST_GDT_H_
