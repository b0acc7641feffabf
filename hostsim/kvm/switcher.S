// The switcher: all code that runs at ring 0 of the virtual machine.
//
// Each trap of the guest enters the switcher, unless its IDT gate leads directly to ring 1. The
// switcher enters the guest's handler itself, or executes the hypercall, if the host would only do
// the same. Otherwise it exits to the launcher with one `out`. Then the frame has the guest's
// registers.
//
// The ring-0 stack is empty at each entry, so the frame is always at SWITCHER_FRAME. %ds, %es, %fs
// and %gs keep the guest's values, so the switcher accesses its data through %ss. Interrupts are
// off in the whole switcher.

#include "hostsim/i386/asm_constants.h"
#include "hostsim/kvm/switcher_layout.h"

#define STATE(offset) %ss:SWITCHER_STATE + (offset)
#define FRAME(offset) %ss:SWITCHER_FRAME + (offset)
#define TSS(offset) %ss:SWITCHER_TSS + (offset)

// The linear address of a label.
#define LINEAR(label) (label - switcher_start + SWITCHER_CODE)

        .section .rodata
        .code32
        .balign 16
        .globl switcher_start
switcher_start:

// ---- Entry points --------------------------------------------------------------------------------

// One stub per vector, 16 bytes each (kStubSize in switcher.cc).
        .globl switcher_stubs
switcher_stubs:
        .set vector, 0
        .rept 32
        .balign 16
        .if !((I386_VECTORS_WITH_ERROR_CODE >> vector) & 1)
        pushl $0
        .endif
        pushl $vector
        .if vector == HYPERCALL_VECTOR
        jmp hypercall
        .else
        jmp exception
        .endif
        .set vector, vector + 1
        .endr

// ---- Exceptions ----------------------------------------------------------------------------------

exception:
        pushal
        testb $3, FRAME_CS(%esp)
        jz switcher_fault
        movl %cr2, %edx
        movl %edx, STATE(STATE_CR2)
        movl FRAME(FRAME_VECTOR), %eax
        movl STATE(STATE_GATES + GATE_HANDLER)(, %eax, GATE_SIZE), %esi
        testl %esi, %esi
        jz exit_to_launcher

// Enters the guest's handler at %esi for vector %eax, as the host does (ABI.md §4.15, §4.16). The
// guest's stack may be unmapped. So the frame does not change before all words are pushed: if a
// push faults, the launcher handles the trap from the unchanged frame.
        movl STATE(STATE_LGUEST_DATA), %edi
        movl FRAME(FRAME_ESP), %ebx
guest_stack_start:
        testb $2, FRAME(FRAME_CS)
        jz 1f
        movl TSS(TSS_ESP1), %ebx
        movl FRAME(FRAME_SS), %ecx
        movl %ecx, %ss:-4(%ebx)
        movl FRAME(FRAME_ESP), %ecx
        movl %ecx, %ss:-8(%ebx)
        subl $8, %ebx
1:      movl FRAME(FRAME_EFLAGS), %ecx
        testl $I386_EFLAGS_IF, %ss:LGUEST_DATA_IRQ_ENABLED(%edi)
        jnz 2f
        andl $~I386_EFLAGS_IF, %ecx
2:      movl %ecx, %ss:-4(%ebx)
        movl FRAME(FRAME_CS), %ecx
        movl %ecx, %ss:-8(%ebx)
        movl FRAME(FRAME_EIP), %ecx
        movl %ecx, %ss:-12(%ebx)
        subl $12, %ebx
        movl $I386_VECTORS_WITH_ERROR_CODE, %ecx
        btl %eax, %ecx
        jnc 3f
        movl FRAME(FRAME_ERROR_CODE), %ecx
        movl %ecx, %ss:-4(%ebx)
        subl $4, %ebx
guest_stack_end:
        cmpl $I386_PAGE_FAULT, %eax
        jne 3f
        movl %edx, %ss:LGUEST_DATA_CR2(%edi)
3:      cmpl $0, STATE(STATE_GATES + GATE_DISABLES_INTERRUPTS)(, %eax, GATE_SIZE)
        je 4f
        movl $0, %ss:LGUEST_DATA_IRQ_ENABLED(%edi)
4:      testb $2, FRAME(FRAME_CS)
        jz 5f
        movl $GUEST_KERNEL_DS, FRAME(FRAME_SS)
5:      movl $GUEST_KERNEL_CS, FRAME(FRAME_CS)
        andl $~I386_EFLAGS_CLEARED_BY_TRAP, FRAME(FRAME_EFLAGS)
        movl %esi, FRAME(FRAME_EIP)
        movl %ebx, FRAME(FRAME_ESP)
        popal
        addl $8, %esp
        iretl

// A trap at ring 0. If a push on the guest's stack faulted, the original trap goes to the launcher.
// Any other fault means that the guest has overwritten the switcher's tables or state. Then %cs in
// the frame is set to 0, and the launcher reports kHostAreaDamaged.
switcher_fault:
        movl FRAME_EIP(%esp), %eax
        subl $LINEAR(guest_stack_start), %eax
        cmpl $guest_stack_end - guest_stack_start, %eax
        jae 1f
        movl $SWITCHER_FRAME, %esp
        jmp exit_to_launcher
1:      movl $0, FRAME(FRAME_CS)

// ---- To the launcher and back --------------------------------------------------------------------

exit_to_launcher:
        movl $SWITCHER_FRAME, %esp
        movw %ds, STATE(STATE_SEGMENTS)
        movw %es, STATE(STATE_SEGMENTS + 4)
        movw %fs, STATE(STATE_SEGMENTS + 8)
        movw %gs, STATE(STATE_SEGMENTS + 12)
        outb %al, $SWITCHER_PORT
// Resumes the guest from the frame. The launcher also moves an interrupted guest here.
        .globl switcher_resume
switcher_resume:
        movl STATE(STATE_RELOAD), %ebx
        testl %ebx, %ebx
        jz 3f
        movl $0, STATE(STATE_RELOAD)
        testb $RELOAD_TLB, %bl
        jz 1f
        movl STATE(STATE_DIRECTORY), %eax
        movl %eax, %cr3
1:      testb $RELOAD_CR0, %bl
        jz 2f
        movl STATE(STATE_CR0), %eax
        movl %eax, %cr0
2:      testb $RELOAD_SEGMENTS, %bl
        jz 3f
        movw STATE(STATE_SEGMENTS), %ds
        movw STATE(STATE_SEGMENTS + 4), %es
        movw STATE(STATE_SEGMENTS + 8), %fs
        movw STATE(STATE_SEGMENTS + 12), %gs
3:      popal
        addl $8, %esp
        iretl

// ---- Hypercalls ----------------------------------------------------------------------------------

// Executes the calls in the async ring first, then the direct call (ABI.md §4.1, §4.13). If a call
// is not served here, the switcher exits to the launcher. Calls already served are marked done, so
// the launcher resumes where the switcher stopped.
hypercall:
        pushal
        movl STATE(STATE_LGUEST_DATA), %edi
        testl %edi, %edi
        jz exit_to_launcher
        movl $RING_SLOTS, %esi
next_ring_call:
        movl STATE(STATE_NEXT_RING_SLOT), %ebp
        cmpb $HYPERCALL_DONE, %ss:LGUEST_DATA_HCALL_STATUS(%edi, %ebp)
        je direct_call
        shll $4, %ebp
        movl %ss:LGUEST_DATA_HCALLS(%edi, %ebp), %eax
        movl %ss:LGUEST_DATA_HCALLS + 4(%edi, %ebp), %edx
        movl %ss:LGUEST_DATA_HCALLS + 8(%edi, %ebp), %ebx
        movl %ss:LGUEST_DATA_HCALLS + 12(%edi, %ebp), %ecx
        call serve
        jc exit_to_launcher
        movl STATE(STATE_NEXT_RING_SLOT), %ebp
        movb $HYPERCALL_DONE, %ss:LGUEST_DATA_HCALL_STATUS(%edi, %ebp)
        incl %ebp
        andl $RING_SLOTS - 1, %ebp
        movl %ebp, STATE(STATE_NEXT_RING_SLOT)
        decl %esi
        jnz next_ring_call
direct_call:
        movl FRAME(FRAME_EAX), %eax
        movl FRAME(FRAME_EDX), %edx
        movl FRAME(FRAME_EBX), %ebx
        movl FRAME(FRAME_ECX), %ecx
        call serve
        jc exit_to_launcher
        popal
        addl $8, %esp
        iretl

// Executes hypercall %eax with the arguments %edx, %ebx and %ecx. Changes these four registers.
// Returns with carry set if the launcher must execute the call; then nothing else has changed. A
// hypercall with a result is never served here: popal restores the caller's %eax.
serve:
        cmpl $LAST_SERVED_HYPERCALL, %eax
        ja not_served
        jmp *%ss:LINEAR(services)(, %eax, 4)

not_served:
        stc
        ret

        .balign 4
services:
        .long LINEAR(served)         // FLUSH_ASYNC
        .long LINEAR(not_served)     // LGUEST_INIT
        .long LINEAR(not_served)     // CRASH
        .long LINEAR(not_served)     // LOAD_GDT
        .long LINEAR(new_pgtable)
        .long LINEAR(flush_tlb)
        .long LINEAR(not_served)     // LOAD_IDT_ENTRY
        .long LINEAR(set_stack)
        .long LINEAR(ts)
        .long LINEAR(not_served)     // SET_CLOCKEVENT
        .long LINEAR(not_served)     // HALT
        .long LINEAR(not_served)
        .long LINEAR(not_served)     // BIND_DMA
        .long LINEAR(not_served)     // SEND_DMA
        .long LINEAR(set_pte)
        .long LINEAR(set_pmd)
        .long LINEAR(load_tls)
        .if . - services != 4 * (LAST_SERVED_HYPERCALL + 1)
        .error "services needs one entry for each number up to LAST_SERVED_HYPERCALL"
        .endif

// ABI.md §4.5. Writes the last entry of the directory, which maps the switcher.
new_pgtable:
        testl $0xfff, %edx
        jnz not_served
        cmpl STATE(STATE_MEMORY_SIZE), %edx
        jae not_served
        call open_window
        movl $SWITCHER_PAGE_TABLE + SWITCHER_ENTRY_FLAGS, \
            %ss:SWITCHER_PAGE_WINDOW + 4 * I386_HOST_DIRECTORY_ENTRY
        movl %edx, STATE(STATE_DIRECTORY)
        movl %edx, %cr3
served:
        clc
        ret

// ABI.md §4.5.
flush_tlb:
        movl STATE(STATE_DIRECTORY), %eax
        movl %eax, %cr3
        clc
        ret

// ABI.md §4.7.
set_stack:
        cmpl $GUEST_KERNEL_DS, %edx
        jne not_served
        cmpl $2, %ecx
        ja not_served
        movl %edx, TSS(TSS_SS1)
        movl %ebx, TSS(TSS_ESP1)
        clc
        ret

// ABI.md §4.8.
ts:
        movl STATE(STATE_CR0), %eax
        andl $~I386_CR0_TS, %eax
        testl %edx, %edx
        jz 1f
        orl $I386_CR0_TS, %eax
1:      movl %eax, STATE(STATE_CR0)
        movl %eax, %cr0
        clc
        ret

// ABI.md §4.5. The TLB has no user pages of other directories.
set_pte:
        testb $I386_ENTRY_PRESENT, %cl
        jz 1f
        testb $I386_BAD_TABLE_ENTRY, %cl
        jnz not_served
        cmpl STATE(STATE_MEMORY_SIZE), %ecx
        jae not_served
1:      cmpl STATE(STATE_DIRECTORY), %edx
        je 2f
        cmpl STATE(STATE_PAGE_OFFSET), %ebx
        jb served
2:      invlpg %ss:(%ebx)
        clc
        ret

// ABI.md §4.5.
set_pmd:
        cmpl $I386_HOST_DIRECTORY_ENTRY, %ebx
        jae served
        testl $0xfff, %edx
        jnz not_served
        cmpl STATE(STATE_MEMORY_SIZE), %edx
        jae not_served
        call open_window
        movl %ss:SWITCHER_PAGE_WINDOW(, %ebx, 4), %eax
        testb $I386_ENTRY_PRESENT, %al
        jz 1f
        testl $I386_BAD_DIRECTORY_ENTRY, %eax
        jnz not_served
        cmpl STATE(STATE_MEMORY_SIZE), %eax
        jae not_served
1:      cmpl STATE(STATE_DIRECTORY), %edx
        je flush_tlb
        shll $22, %ebx
        cmpl STATE(STATE_PAGE_OFFSET), %ebx
        jae flush_tlb
        clc
        ret

// ABI.md §4.4. Copies three descriptors at %edx to the GDT entries 6 to 8, and sanitizes them like
// SanitizeDescriptor(): only code and data segments, DPL 1 instead of 0, accessed bit set. A table
// that crosses a page end is not served. A table ending at a page end might end at the top of
// memory, which a 2.6.23-faithful host rejects (ABI.md §2.10): let the host decide.
load_tls:
        movl %edx, %ebx
        andl $0xfff, %ebx
        cmpl $0x1000 - 3 * 8, %ebx
        jae not_served
        subl %ebx, %edx
        cmpl STATE(STATE_MEMORY_SIZE), %edx
        jae not_served
        call open_window
        xorl %edx, %edx
1:      movl %ss:SWITCHER_PAGE_WINDOW(%ebx, %edx, 8), %eax
        movl %ss:SWITCHER_PAGE_WINDOW + 4(%ebx, %edx, 8), %ecx
        testl $I386_DESCRIPTOR_CODE_OR_DATA, %ecx
        jnz 2f
        xorl %eax, %eax
        xorl %ecx, %ecx
        jmp 4f
2:      testl $I386_DESCRIPTOR_PRIVILEGE, %ecx
        jnz 3f
        orl $I386_DESCRIPTOR_PRIVILEGE_1, %ecx
3:      orl $I386_DESCRIPTOR_ACCESSED, %ecx
4:      movl %eax, %ss:SWITCHER_GDT + 6 * 8(, %edx, 8)
        movl %ecx, %ss:SWITCHER_GDT + 6 * 8 + 4(, %edx, 8)
        incl %edx
        cmpl $3, %edx
        jne 1b
        clc
        ret

// Maps the guest's page %edx in the page window. Changes %eax.
open_window:
        leal SWITCHER_ENTRY_FLAGS(%edx), %eax
        cmpl %eax, %ss:SWITCHER_PAGE_WINDOW_ENTRY
        je 1f
        movl %eax, %ss:SWITCHER_PAGE_WINDOW_ENTRY
        invlpg %ss:SWITCHER_PAGE_WINDOW
1:      ret

        .globl switcher_end
switcher_end:

        .section .note.GNU-stack, "", @progbits
