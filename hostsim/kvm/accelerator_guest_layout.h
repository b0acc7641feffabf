// Addresses and constants of the guest of accelerator_test.cc, for C++ and assembly.

#ifndef HOSTSIM_KVM_ACCELERATOR_GUEST_LAYOUT_H_
#define HOSTSIM_KVM_ACCELERATOR_GUEST_LAYOUT_H_

#define GUEST_PAGE_OFFSET 0xc0000000

// Guest-physical.
#define GUEST_DIRECTORY 0x1000
#define GUEST_KERNEL_TABLES 0x2000
#define GUEST_DATA 0x18000 /* lguest_data */
#define GUEST_GDT 0x19000
#define GUEST_TLS 0x19800
#define GUEST_COUNTERS 0x1a000 /* interrupts, page faults, FPU faults, next free page */
#define GUEST_USER_TABLE 0x1b000
#define GUEST_HEAP_TABLES 0x20000 /* 10 consecutive page tables */
#define GUEST_KERNEL_STACK_END 0x90000
#define GUEST_CODE 0x100000
#define GUEST_FREE 0x200000

// At ring 3.
#define USER_CODE 0x08048000
#define USER_COUNTERS 0x08060000
#define USER_HEAP 0x10000000
#define USER_CODE_SELECTOR 0x73
#define USER_DATA_SELECTOR 0x7b

#define ROUNDS 1000
#define FRESH_PAGES 10000
#define INTERRUPTS 100
#define DEVICE_IRQ 5

// The guest reports the end of each phase by a SEND_DMA to key 4 * MARK_*.
#define MARK_READY 1
#define MARK_SYSTEM_CALLS_DONE 2
#define MARK_PAGES_DONE 3
#define MARK_HYPERCALLS_DONE 4
#define MARK_FPU_DONE 5
#define MARK_INTERRUPTS_DONE 6
#define MARK_RING_DONE 7

#endif  // HOSTSIM_KVM_ACCELERATOR_GUEST_LAYOUT_H_
