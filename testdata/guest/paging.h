// Page tables: the kernel's, and one address space per process with demand paging and
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

// Builds page tables that map RAM at kPageOffset for ring 1 only, and activates them.
void InitPaging();

// Maps a guest-physical page for the kernel at a page-aligned address above kPageOffset.
void MapKernelPage(uint32_t address, uint32_t page);

// Returns the page table entry of a kernel address, or null if there is no page table. Change the
// entry only with SetPageTableEntry().
uint32_t* KernelPageTableEntry(uint32_t address);

// Writes an entry and notifies the host, which may have a copy (ABI.md §4.5).
void SetPageTableEntry(uint32_t directory, uint32_t address, uint32_t* entry, uint32_t value);

uint32_t KernelDirectory();

// The address space of a process. It has its own page directory and shares the kernel's half.
class AddressSpace {
 public:
  void Create();
  void Destroy();

  // Copies `parent`. The two share pages until one of them writes.
  void CopyFrom(AddressSpace& parent);

  void Activate() const;

  // Resolves a page fault of the process: allocates or copies a page. Returns false for an invalid
  // access.
  bool HandleFault(uint32_t address, uint32_t error);

  // Returns the kernel's address of the byte at a user address, for reading or writing, or null if
  // the process may not access it. Valid up to the end of the page.
  char* Resolve(uint32_t address, bool write);

  // Returns the entry of an address, or null if there is no page table.
  uint32_t* Entry(uint32_t address) const;

  uint32_t directory() const { return directory_; }

 private:
  uint32_t* MakeEntry(uint32_t address);
  void Set(uint32_t address, uint32_t* entry, uint32_t value) const;

  uint32_t directory_ = 0;  // guest-physical
};

}  // namespace guest

#endif  // TESTDATA_GUEST_PAGING_H_
