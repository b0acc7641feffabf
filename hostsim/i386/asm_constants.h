// Constants of the i386 that assembly needs, too. constants.h gives them C++ names and types.

#ifndef HOSTSIM_I386_ASM_CONSTANTS_H_
#define HOSTSIM_I386_ASM_CONSTANTS_H_

#define I386_PAGE_FAULT 14
#define I386_VECTORS_WITH_ERROR_CODE 0x27d00 /* bits 8, 10 to 14 and 17 */

#define I386_EFLAGS_IF 0x200
#define I386_EFLAGS_CLEARED_BY_TRAP 0x34100 /* TF, NT, RF and VM */

#define I386_CR0_TS 8

#define I386_ENTRY_PRESENT 1
#define I386_BAD_TABLE_ENTRY 0x88      /* PWT and PSE */
#define I386_BAD_DIRECTORY_ENTRY 0xf98 /* all but P, W, U, A and D */
#define I386_HOST_DIRECTORY_ENTRY 1023 /* the last 4 MB of each address space */

/* Bits of a descriptor's upper word. */
#define I386_DESCRIPTOR_ACCESSED 0x100
#define I386_DESCRIPTOR_CODE_OR_DATA 0x1000
#define I386_DESCRIPTOR_PRIVILEGE 0x6000
#define I386_DESCRIPTOR_PRIVILEGE_1 0x2000

#endif  // HOSTSIM_I386_ASM_CONSTANTS_H_
