#include "testdata/virtio_guest/paging.h"

#include "testdata/virtio_guest/host.h"

extern "C" {
extern unsigned char boot_tables[];
// Maps the first 16 MB at 0 and at PAGE_OFFSET. Runs at a physical address, so it must use nothing
// but its argument: the physical address of the directory, and of pages behind it.
void BuildBootTables(uint32_t tables);
}

namespace guest {
namespace {

constexpr uint32_t kBootMegabytes = 16;
constexpr uint32_t kTablePages = 16;

alignas(kPageSize) unsigned char table_pages[kTablePages][kPageSize];
uint32_t used_tables;
uint32_t next_free = kFreeAddresses;

// The tables that Linux keeps for itself are in the linear map.
uint32_t& Word(uint32_t phys) { return *ToVirt<uint32_t>(phys); }

uint32_t NewTable() {
  if (used_tables == kTablePages) Crash("no page table left");
  return ToPhys(table_pages[used_tables++]);
}

#if USES_PAE
constexpr uint32_t kEntrySize = 8;
constexpr uint32_t kTableShift = 21;
#else
constexpr uint32_t kEntrySize = 4;
constexpr uint32_t kTableShift = 22;
#endif
constexpr uint32_t kTableEntries = kPageSize / kEntrySize;

// The entry that names the table of `virt`.
uint32_t MiddleEntry(uint32_t virt) {
#if USES_PAE
  const uint32_t top = Directory() + (virt >> 30) * kEntrySize;
  if ((Word(top) & kPresent) == 0) {
    Word(top) = NewTable() | kPresent;
    CallHost(kSetTopEntry, Directory(), virt >> 30);
  }
  return PageStart(Word(top)) + (virt >> kTableShift) % kTableEntries * kEntrySize;
#else
  return Directory() + (virt >> kTableShift) * kEntrySize;
#endif
}

void AnnounceMiddleEntry(uint32_t entry) {
#if USES_PAE
  CallHost(kSetMiddleEntry, PageStart(entry), entry % kPageSize / kEntrySize);
#else
  CallHost(kSetTopEntry, PageStart(entry), entry % kPageSize / kEntrySize);
#endif
}

}  // namespace

uint32_t Directory() {
#if HAS_PGDIR
  return DataField(DATA_PGDIR);
#else
  return ToPhys(boot_tables);
#endif
}

void MapPage(uint32_t virt, uint32_t frame, uint32_t flags) {
  const uint32_t middle = MiddleEntry(virt);
  if ((Word(middle) & kPresent) == 0) {
    Word(middle) = NewTable() | kPresent | kWritable | kUser;
    AnnounceMiddleEntry(middle);
  }
  const uint32_t entry = PageStart(Word(middle)) + (virt / kPageSize) % kTableEntries * kEntrySize;
  Word(entry) = frame | flags | kPresent;
  CallHost(kSetPte, Directory(), virt, Word(entry));
}

uint32_t MapPages(uint32_t frame, uint32_t count, uint32_t flags) {
  const uint32_t first = next_free;
  next_free += count * kPageSize;
  for (uint32_t i = 0; i < count; ++i) {
    MapPage(first + i * kPageSize, frame + i * kPageSize, flags);
  }
  return first;
}

}  // namespace guest

void BuildBootTables(uint32_t tables) {
  using guest::kPageSize;
  constexpr uint32_t kFlags = guest::kPresent | guest::kWritable;
  constexpr uint32_t kTables = (guest::kBootMegabytes << 20) >> guest::kTableShift;
  auto* const directory = reinterpret_cast<uint32_t*>(tables);
#if USES_PAE
  auto* const middle = reinterpret_cast<uint32_t*>(tables + kPageSize);
  directory[0] = (tables + kPageSize) | guest::kPresent;
  directory[2 * (PAGE_OFFSET >> 30)] = directory[0];
  const uint32_t first_table = tables + 2 * kPageSize;
#else
  uint32_t* const middle = directory;
  const uint32_t first_table = tables + kPageSize;
#endif
  constexpr uint32_t kWords = guest::kEntrySize / 4;
  for (uint32_t table = 0; table < kTables; ++table) {
    const uint32_t address = first_table + table * kPageSize;
    middle[table * kWords] = address | kFlags;
#if !USES_PAE
    middle[(PAGE_OFFSET >> guest::kTableShift) + table] = address | kFlags;
#endif
    for (uint32_t i = 0; i < guest::kTableEntries; ++i) {
      reinterpret_cast<uint32_t*>(address)[i * kWords] =
          (table * guest::kTableEntries + i) * kPageSize | kFlags;
    }
  }
}
