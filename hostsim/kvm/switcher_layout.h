// The memory layout of the switcher, for its assembly and for C++. All of it is in the last 4 MB of
// the guest's address space.
//
// The guest kernel runs at ring 1, which counts as supervisor mode in paging. So it can write to
// the data page. The launcher must not trust any value that it reads from there. A guest that
// overwrites the page damages only its own virtual machine.

#ifndef HOSTSIM_KVM_SWITCHER_LAYOUT_H_
#define HOSTSIM_KVM_SWITCHER_LAYOUT_H_

// Linear addresses. The first three pages are the switcher's own memory, at guest-physical
// addresses equal to the linear ones. The other pages are windows that map pages of the guest.
#define SWITCHER_CODE 0xffc00000        /* code and IDT, read-only */
#define SWITCHER_DATA 0xffc01000        /* descriptors, state, stack */
#define SWITCHER_PAGE_TABLE 0xffc02000  /* the page table of the last 4 MB */
#define SWITCHER_DATA_WINDOW 0xffc03000 /* two pages, which contain lguest_data */
#define SWITCHER_PAGE_WINDOW 0xffc05000 /* any guest page, mapped by open_window */
#define SWITCHER_PAGES 3

// In the code page.
#define SWITCHER_IDT (SWITCHER_CODE + 0xb00)
#define SWITCHER_IDT_VECTORS 0x81

// In the data page.
#define SWITCHER_GDT SWITCHER_DATA
#define SWITCHER_TSS (SWITCHER_DATA + 0x100)
#define SWITCHER_STATE (SWITCHER_DATA + 0x200)
#define SWITCHER_FRAME (SWITCHER_DATA + 0xfc4) /* the first words on the stack */
#define SWITCHER_STACK_END (SWITCHER_DATA + 0x1000)

// The page table entry of the page window, and the flags of all entries: present, writable,
// supervisor (rings 0 and 1), accessed, dirty.
#define SWITCHER_PAGE_WINDOW_ENTRY (SWITCHER_PAGE_TABLE + 5 * 4)
#define SWITCHER_ENTRY_FLAGS 0x63

// Selectors of GDT entries that the guest cannot set (ABI.md §4.4).
#define SWITCHER_CODE_SELECTOR 0x50
#define SWITCHER_DATA_SELECTOR 0x58
#define SWITCHER_TSS_SELECTOR 0x80

// The switcher exits to the launcher by an `out` to this port.
#define SWITCHER_PORT 0x42

// Offsets in the state, SwitcherState in C++.
#define STATE_LGUEST_DATA 0x00
#define STATE_NEXT_RING_SLOT 0x04
#define STATE_PAGE_OFFSET 0x08
#define STATE_MEMORY_SIZE 0x0c
#define STATE_DIRECTORY 0x10
#define STATE_CR0 0x14
#define STATE_CR2 0x18
#define STATE_RELOAD 0x1c
#define STATE_SEGMENTS 0x20
#define STATE_GATES 0x30

// Bits of STATE_RELOAD.
#define RELOAD_TLB 1
#define RELOAD_CR0 2
#define RELOAD_SEGMENTS 4

// One entry of STATE_GATES.
#define GATE_SIZE 8
#define GATE_HANDLER 0
#define GATE_DISABLES_INTERRUPTS 4

// Offsets in the frame, SwitcherFrame in C++.
#define FRAME_EBX 0x10
#define FRAME_EDX 0x14
#define FRAME_ECX 0x18
#define FRAME_EAX 0x1c
#define FRAME_VECTOR 0x20
#define FRAME_ERROR_CODE 0x24
#define FRAME_EIP 0x28
#define FRAME_CS 0x2c
#define FRAME_EFLAGS 0x30
#define FRAME_ESP 0x34
#define FRAME_SS 0x38

// Offsets in the TSS.
#define TSS_ESP1 0x0c
#define TSS_SS1 0x10

// Numbers of the lguest interface (ABI.md §1.6, §3.7, §4.1).
#define HYPERCALL_VECTOR 0x1f
#define LAST_SERVED_HYPERCALL 16
#define RING_SLOTS 64
#define HYPERCALL_DONE 0xff
#define GUEST_KERNEL_CS 0x61
#define GUEST_KERNEL_DS 0x69

// Offsets in lguest_data (ABI.md §1.5).
#define LGUEST_DATA_IRQ_ENABLED 0
#define LGUEST_DATA_CR2 8
#define LGUEST_DATA_HCALL_STATUS 20
#define LGUEST_DATA_HCALLS 84

#endif  // HOSTSIM_KVM_SWITCHER_LAYOUT_H_
