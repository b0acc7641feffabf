// The parts that C++ cannot express: the entry, the shared structure, and trap entries.

#include "testdata/virtio_guest/generation.h"

#define KERNEL_DS 0x69
#define INTERRUPT_FLAG 0x200

#if CALLS_BY_VMCALL
#define CALL_HOST .byte 0x0f, 0x01, 0xc1
#else
#define CALL_HOST int $0x1f
#endif
#if ARGUMENTS_FROM_EBX
#define ARGUMENT1 %ebx
#else
#define ARGUMENT1 %edx
#endif
#define PHYS(symbol) (symbol - PAGE_OFFSET)

// ---- Start (VIRTIO_ABI.md §2.1), at physical addresses

        .section .entry, "ax"
        .globl GuestEntry
GuestEntry:
        cld
        xorl %eax, %eax
        movl $PHYS(bss_start), %edi
        movl $PHYS(bss_end), %ecx
        subl %edi, %ecx
        shrl $2, %ecx
        rep stosl
        movl $PHYS(boot_stack_top), %esp
        // The loader knows a guest by these three instructions (VIRTIO_ABI.md §2.1).
        movl $1, %eax
        movl $PHYS(lguest_data), ARGUMENT1
        CALL_HOST
#if MAKES_ITS_OWN_TABLES
        subl $12, %esp
        pushl $PHYS(boot_tables)
        call BuildBootTables            // relative, so it works at a physical address
        movl $4, %eax                   // NEW_PGTABLE
        movl $PHYS(boot_tables), ARGUMENT1
        CALL_HOST
#endif
        movl $1f, %eax
        jmp *%eax
1:      movl $boot_stack_top, %esp
        subl $12, %esp
        pushl %esi
        call KernelMain
2:      jmp 2b

        .bss
        .balign 4096
        .globl boot_tables
boot_tables:
        .skip 12 * 4096
        .skip 16384
        .globl boot_stack_top
boot_stack_top:

// ---- lguest_data (VIRTIO_ABI.md §3)

        .data
        .balign 16
        .globl lguest_data
lguest_data:
        .long 0                         // irq_enabled
        .long 1                         // blocked_interrupts: the timer
        .org lguest_data + DATA_HCALL_STATUS
        .fill 64, 1, 0xff
#if HAS_NOIRQ_IRET
        .org lguest_data + DATA_NOIRQ
        .long noirq_iret
#else
        .org lguest_data + DATA_NOIRQ
        .long noirq_start
        .long noirq_end
#endif
        .org lguest_data + DATA_KERNEL_ADDRESS
        .long PAGE_OFFSET
        .org lguest_data + DATA_SYSCALL_VEC
        .long 0x80
        .org lguest_data + DATA_SIZE

// The loader finds the version by this text (VIRTIO_ABI.md §2.4).
        .section .rodata
        .ascii "Linux version "
        .ascii TEXT_OF(LINUX_MAJOR)
        .ascii "."
        .ascii TEXT_OF(LINUX_MINOR)
        .ascii "."
        .ascii TEXT_OF(LINUX_PATCH)
        .asciz " (our own guest)"

// ---- Traps

        .text

// A 16-byte stub for each vector, 0 to 63, then one for the system call.
        .balign 16
        .globl trap_stubs
trap_stubs:
        .set vector, 0
        .rept 64
        .balign 16
        .if vector != 8 && (vector < 10 || vector > 14) && vector != 17
        pushl $0
        .endif
        pushl $vector
        jmp CommonTrap
        .set vector, vector + 1
        .endr
        .balign 16
        pushl $0
        pushl $0x80
        jmp CommonTrap

CommonTrap:
        pushal
        movl $KERNEL_DS, %eax
        movl %eax, %ds
        movl %eax, %es
        cld
        movl %esp, %ebp
        andl $-16, %esp
        subl $12, %esp
        pushl %ebp
        call HandleTrap
        movl %ebp, %esp
        popal
        addl $8, %esp                   // vector and error code
        // The IF of the frame is the previous irq_enabled. From the store on interrupts are on, but
        // the host delivers none before the iret (VIRTIO_ABI.md §5.2, §5.3).
        pushl 8(%esp)
        andl $INTERRUPT_FLAG, (%esp)
noirq_start:
        popl %ss:lguest_data
noirq_iret:
        iretl
noirq_end:

// bool CallCatching(void (*code)()): calls `code`. Returns true if a trap ended it: HandleTrap() has
// then returned to CatchLanding.
        .globl CallCatching
CallCatching:
        pushl %ebp
        pushl %ebx
        pushl %esi
        pushl %edi
        subl $12, %esp
        movl %esp, catch_stack
        call *32(%esp)
        xorl %eax, %eax
        jmp 1f
        .globl CatchLanding
CatchLanding:
        movl $KERNEL_DS, %eax
        movl %eax, %ds
        movl %eax, %es
        movl catch_stack, %esp
        movl $1, %eax
1:      movl $0, catch_stack
        addl $12, %esp
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret

// void EnterUser(uint32_t eip, uint32_t esp): continues at ring 3, with interrupts on. Only a trap
// returns from there.
        .globl EnterUser
EnterUser:
        movl 4(%esp), %eax
        movl 8(%esp), %edx
        movl $0x7b, %ecx
        movl %ecx, %ds
        movl %ecx, %es
        pushl $0x7b
        pushl %edx
        pushl $0x202
        pushl $0x73
        pushl %eax
        movl $INTERRUPT_FLAG, %ss:lguest_data
        iretl

        .bss
        .balign 4
        .globl catch_stack
catch_stack:
        .skip 4

        .section .note.GNU-stack, "", @progbits
