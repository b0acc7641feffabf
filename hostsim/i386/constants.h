// Numbers of the i386 processor: vectors, flags, control registers, page table entries.

#ifndef HOSTSIM_I386_CONSTANTS_H_
#define HOSTSIM_I386_CONSTANTS_H_

#include <cstdint>

#include "hostsim/i386/asm_constants.h"

namespace lguest::hostsim {

// ---- Vectors

inline constexpr uint32_t kExceptionVectors = 32;

inline constexpr uint8_t kNonMaskableInterrupt = 2;
inline constexpr uint8_t kBreakpoint = 3;
inline constexpr uint8_t kOverflow = 4;
inline constexpr uint8_t kInvalidOpcode = 6;
inline constexpr uint8_t kDeviceNotAvailable = 7;
inline constexpr uint8_t kDoubleFault = 8;
inline constexpr uint8_t kGeneralProtection = 13;
inline constexpr uint8_t kPageFault = I386_PAGE_FAULT;
inline constexpr uint8_t kSpuriousInterrupt = 15;

constexpr bool PushesErrorCode(uint32_t vector) {
  return vector < kExceptionVectors && (I386_VECTORS_WITH_ERROR_CODE >> vector & 1) != 0;
}

// Bytes of the instruction that raises `vector` by software: `int3` and `into`, or `int n`.
constexpr uint32_t SoftwareInterruptLength(uint32_t vector) {
  return vector == kBreakpoint || vector == kOverflow ? 1 : 2;
}

// The error code of a #GP caused by IDT entry `vector`.
constexpr uint32_t IdtErrorCode(uint32_t vector) { return vector * 8 + 2; }
constexpr bool IsIdtErrorCode(uint32_t error_code) { return (error_code & 7) == 2; }

// Bits of a page fault's error code.
inline constexpr uint32_t kFaultProtection = 1;  // the page is present, the access is not allowed
inline constexpr uint32_t kFaultWrite = 2;
inline constexpr uint32_t kFaultUser = 4;

// ---- EFLAGS

inline constexpr uint32_t kEflagsZero = 0x40;
inline constexpr uint32_t kEflagsDirection = 0x400;
inline constexpr uint32_t kEflagsVirtual8086 = 0x20000;
inline constexpr uint32_t kEflagsStatus = 0x8d5;  // CF, PF, AF, ZF, SF, OF

// What code at ring 1 and ring 3 can change: CF, PF, AF, ZF, SF, TF, DF, OF, NT, RF, AC, ID.
inline constexpr uint32_t kEflagsGuest = 0x00254dd5;
// The other bits while a guest runs: bit 1 and IF are set. IOPL is 0, and there is no virtual-8086
// mode.
inline constexpr uint32_t kEflagsFixed = 0x202;

// What the processor clears when it enters a handler. With TF left set by user code, the kernel's
// handler would be single-stepped.
inline constexpr uint32_t kEflagsClearedByTrap = I386_EFLAGS_CLEARED_BY_TRAP;

// ---- Control registers while a guest runs

// Protected mode with paging; MP, ET, NE, WP and AM as Linux sets them.
inline constexpr uint32_t kCr0 = 0x80050033;
inline constexpr uint32_t kCr0Paging = 0x80000000;
inline constexpr uint32_t kCr0TaskSwitched = I386_CR0_TS;
inline constexpr uint32_t kCr4 = 0x600;  // OSFXSR, OSXMMEXCPT

// ---- Entries of page directories and page tables

inline constexpr uint32_t kEntryPresent = I386_ENTRY_PRESENT;
inline constexpr uint32_t kEntryWritable = 0x002;
inline constexpr uint32_t kEntryUser = 0x004;
inline constexpr uint32_t kEntryAccessed = 0x020;
inline constexpr uint32_t kEntryDirty = 0x040;

// Flags that make a present entry bad (ABI.md §4.5).
inline constexpr uint32_t kBadTableEntryFlags = I386_BAD_TABLE_ENTRY;
inline constexpr uint32_t kBadDirectoryEntryFlags = I386_BAD_DIRECTORY_ENTRY;

inline constexpr uint32_t kEntriesPerTable = 1024;
inline constexpr uint32_t kDirectoryShift = 22;  // of the index in a virtual address

// PAE (VIRTIO_ABI.md §4.4). Directory entries of the first word of a middle entry are the same.
inline constexpr uint32_t kPaeEntrySize = 8;
inline constexpr uint32_t kPaeTopEntries = 4;
inline constexpr uint32_t kPaeEntriesPerTable = 512;
inline constexpr uint32_t kPaeTopShift = 30;
inline constexpr uint32_t kPaeMiddleShift = 21;
inline constexpr uint32_t kBadPaeTopEntryFlags = 0xffe;  // all but P

// The bad flags of a table entry where PWT is good: PSE.
inline constexpr uint32_t kLargePage = 0x80;

// The directory entry of the host area, which starts at 0xFFC00000 (ABI.md §4.16).
inline constexpr uint32_t kHostDirectoryEntry = I386_HOST_DIRECTORY_ENTRY;

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_CONSTANTS_H_
