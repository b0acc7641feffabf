// Page tables: the kernel's own, and one address space a process with demand paging and
// copy-on-write.

#ifndef TESTDATA_GUEST_PAGING_H_
#define TESTDATA_GUEST_PAGING_H_

#include <cstdint>

#include "testdata/guest/memory.h"
#include "testdata/guest/syscalls.h"

namespace guest {

inline constexpr uint32_t kPagePresent = 0x01;
inline constexpr uint32_t kPageWritable = 0x02;
inline constexpr uint32_t kPageUser = 0x04;
inline constexpr uint32_t kPageAccessed = 0x20;
inline constexpr uint32_t kPageDirty = 0x40;

// Builds page tables that show RAM at kPageOffset, to ring 1 only, and changes over to them.
void InitPaging();

// Maps a guest-physical page for the kernel at a page-aligned address above its half's start.
void MapKernelPage(uint32_t address, uint32_t page);

// The page table entry for a kernel address, null where there is no page table; changes become
// visible by SetPageTableEntry only.
uint32_t* KernelPageTableEntry(uint32_t address);

// Writes an entry and tells the host, as it may have a copy (ABI.md §4.5).
void SetPageTableEntry(uint32_t directory, uint32_t address, uint32_t* entry, uint32_t value);

uint32_t KernelDirectory();

// One process's view of memory. Its page directory is a page of its own, with the kernel's half
// shared.
class AddressSpace {
 public:
  void Create();
  void Destroy();

  // Becomes a copy of `parent`: pages are shared until one of the two writes to them.
  void CopyFrom(AddressSpace& parent);

  void Activate() const;

  // Resolves a page fault of the process: brings in a page, or makes a copy of its own. False when
  // the access is wrong.
  bool HandleFault(uint32_t address, uint32_t error);

  // The kernel's view of the byte at a user address, for reading or writing; null when the process
  // has no business there. Good to the end of the page.
  char* Resolve(uint32_t address, bool write);

  // The entry of an address, null where there is no page table.
  uint32_t* Entry(uint32_t address) const;

  uint32_t directory() const { return directory_; }

 private:
  uint32_t* MakeEntry(uint32_t address);
  void Set(uint32_t address, uint32_t* entry, uint32_t value) const;

  uint32_t directory_ = 0;  // guest-physical
};

}  // namespace guest

#endif  // TESTDATA_GUEST_PAGING_H_
