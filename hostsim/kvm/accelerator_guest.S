// A guest that repeats the most frequent operations of a guest, and reports the end of each phase.

#include "hostsim/kvm/accelerator_guest_layout.h"

#define KERNEL(label) (label - accelerator_guest + GUEST_CODE + GUEST_PAGE_OFFSET)
#define USER(label) (label - accelerator_guest + USER_CODE)
// The expansion has no blanks, because blanks separate the arguments of an assembler macro.
#define VIRT(phys) ((phys)+GUEST_PAGE_OFFSET)

#define IRQ_ENABLED VIRT(GUEST_DATA)
#define CR2 VIRT(GUEST_DATA + 8)
#define RING_STATUS VIRT(GUEST_DATA + 20)
#define RING_CALLS VIRT(GUEST_DATA + 84)
#define INTERRUPTS_SEEN VIRT(GUEST_COUNTERS)
#define FAULTS_SEEN VIRT(GUEST_COUNTERS + 4)
#define FPU_FAULTS_SEEN VIRT(GUEST_COUNTERS + 8)
#define NEXT_PAGE VIRT(GUEST_COUNTERS + 12)
#define CONTINUATION VIRT(GUEST_COUNTERS + 16)

        .macro call_host number, edx=0, ebx=0, ecx=0
        movl $\number, %eax
        movl $\edx, %edx
        movl $\ebx, %ebx
        movl $\ecx, %ecx
        int $0x1f
        .endm

        .macro mark what
        call_host 13, 4*\what, GUEST_FREE
        .endm

// `flags`: 0xee00 for an interrupt gate, 0xef00 for a trap gate, both with DPL 3.
        .macro load_gate vector, handler, flags
        movl $6, %eax
        movl $\vector, %edx
        movl $KERNEL(\handler), %ebx
        movl %ebx, %ecx
        andl $0xffff, %ebx
        orl $0x610000, %ebx
        andl $0xffff0000, %ecx
        orl $\flags, %ecx
        int $0x1f
        .endm

// Runs code at ring 3 until it makes system call 0.
        .macro run_user entry
        movl $KERNEL(1f), CONTINUATION
        pushl $USER_DATA_SELECTOR
        pushl $0
        pushl $0x202
        pushl $USER_CODE_SELECTOR
        pushl $USER(\entry)
        iretl
1:
        .endm

        .section .rodata
        .code32
        .globl accelerator_guest
accelerator_guest:
        movl $VIRT(GUEST_KERNEL_STACK_END), %esp
        call_host 1, GUEST_DATA
        call_host 3, GUEST_GDT, 32
        load_gate 7, fpu_fault, 0xee00
        load_gate 14, page_fault, 0xee00
        load_gate 32+DEVICE_IRQ, interrupt, 0xee00
        load_gate 0x80, system_call, 0xef00
        call_host 7, 0x69, VIRT(GUEST_KERNEL_STACK_END), 1
        movl $0x200, IRQ_ENABLED
        mark MARK_READY

        run_user make_system_calls
        mark MARK_SYSTEM_CALLS_DONE

        run_user touch_fresh_pages
        mark MARK_PAGES_DONE

        movl $ROUNDS, %esi
2:      call_host 4, GUEST_DIRECTORY
        call_host 5, 0
        call_host 5, 1
        call_host 14, GUEST_DIRECTORY, USER_HEAP, GUEST_FREE+7
        call_host 15, GUEST_DIRECTORY, USER_HEAP>>22
        call_host 7, 0x69, VIRT(GUEST_KERNEL_STACK_END-64), 1
        call_host 8, 1
        call_host 16, GUEST_TLS
        call_host 0
        decl %esi
        jnz 2b
        mark MARK_HYPERCALLS_DONE

        movl $ROUNDS, %esi
2:      call_host 8, 1
        fnop
        decl %esi
        jnz 2b
        mark MARK_FPU_DONE

        run_user wait_for_interrupts
        mark MARK_INTERRUPTS_DONE

// 70 hypercalls in the async ring of 64 entries: LOAD_TLS and TS alternate.
        movl $70, %esi
        xorl %edi, %edi
2:      movl %edi, %eax
        shll $4, %eax
        movl $16, RING_CALLS(%eax)
        movl $GUEST_TLS, RING_CALLS + 4(%eax)
        testl $1, %esi
        jz 3f
        movl $8, RING_CALLS(%eax)
3:      movb $0, RING_STATUS(%edi)
        incl %edi
        andl $63, %edi
        decl %esi
        jz 4f
        testl $7, %esi
        jnz 2b
        call_host 0
        jmp 2b
4:      call_host 0
        mark MARK_RING_DONE
5:      jmp 5b

page_fault:
        pushal
        movl CR2, %ebx
        andl $~0xfff, %ebx
        movl NEXT_PAGE, %ecx
        addl $0x1000, NEXT_PAGE
        orl $7, %ecx
        movl %ebx, %esi
        subl $USER_HEAP, %esi
        shrl $10, %esi
        movl %ecx, VIRT(GUEST_HEAP_TABLES)(%esi)
        movl $14, %eax
        movl $GUEST_DIRECTORY, %edx
        int $0x1f
        incl FAULTS_SEEN
        popal
        addl $4, %esp
        movl $0x200, IRQ_ENABLED
        iretl

fpu_fault:
        pushal
        incl FPU_FAULTS_SEEN
        call_host 8, 0
        popal
        movl $0x200, IRQ_ENABLED
        iretl

interrupt:
        incl INTERRUPTS_SEEN
        movl $0x200, IRQ_ENABLED
        iretl

system_call:
        testl %eax, %eax
        jz 1f
        movl $42, %eax
        iretl
1:      movl $VIRT(GUEST_KERNEL_STACK_END), %esp
        jmp *CONTINUATION

make_system_calls:
        movl $ROUNDS, %ecx
        xorl %ebx, %ebx
1:      movl $64, %eax
        int $0x80
        addl %eax, %ebx
        decl %ecx
        jnz 1b
        xorl %eax, %eax
        int $0x80

touch_fresh_pages:
        movl $USER_DATA_SELECTOR, %eax
        movl %eax, %ds
        movl $USER_HEAP, %edi
        movl $FRESH_PAGES, %ecx
1:      movl %ecx, (%edi)
        addl $0x1000, %edi
        decl %ecx
        jnz 1b
        xorl %eax, %eax
        int $0x80

wait_for_interrupts:
        movl $USER_DATA_SELECTOR, %eax
        movl %eax, %ds
1:      cmpl $INTERRUPTS, USER_COUNTERS
        jb 1b
        xorl %eax, %eax
        int $0x80

        .globl accelerator_guest_end
accelerator_guest_end:

        .section .note.GNU-stack, "", @progbits
