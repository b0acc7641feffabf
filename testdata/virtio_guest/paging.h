// Page tables: those of the boot code, and pages that are mapped later.

#ifndef TESTDATA_VIRTIO_GUEST_PAGING_H_
#define TESTDATA_VIRTIO_GUEST_PAGING_H_

#include <cstdint>

namespace guest {

// Flags of an entry.
inline constexpr uint32_t kPresent = 1;
inline constexpr uint32_t kWritable = 2;
inline constexpr uint32_t kUser = 4;
inline constexpr uint32_t kWriteThrough = 8;
inline constexpr uint32_t kUncached = 0x10;

// Virtual addresses from here on are free.
inline constexpr uint32_t kFreeAddresses = 0xD0000000;

// The guest-physical address of the current directory.
uint32_t Directory();

// Maps the page `frame` at `virt` (at or above kFreeAddresses).
void MapPage(uint32_t virt, uint32_t frame, uint32_t flags);

// Maps `count` pages from `frame` on at the next free addresses. Returns the first.
uint32_t MapPages(uint32_t frame, uint32_t count, uint32_t flags);

}  // namespace guest

#endif  // TESTDATA_VIRTIO_GUEST_PAGING_H_
