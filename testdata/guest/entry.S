// Where the guest starts, where its traps come in, and where it switches stacks: all that C++
// cannot say.

#define KERNEL_DS 0x69
#define INTERRUPT_FLAG 0x200

// ---- Start (ABI.md §3.7) -------------------------------------------------------

        .section .entry, "ax"

        // The host jumps to the first byte after this magic, with paging on, no stack, and %esi = 0:
        // the guest-physical address of the boot parameters.
        .ascii "GenuineLguest"
        .globl GuestEntry
GuestEntry:
        cld
        xorl %eax, %eax
        movl $bss_start, %edi
        movl $bss_end, %ecx
        subl %edi, %ecx
        shrl $2, %ecx
        rep stosl
        movl $boot_stack_top, %esp
        subl $12, %esp
        pushl %esi
        call KernelMain
1:      jmp 1b

        .bss
        .balign 4096
        .skip 16384
        .globl boot_stack_top
boot_stack_top:

// ---- Traps -------------------------------------------------------------------------------------

        .text

// One 16-byte stub a vector, 0 to 63, then one for the system call: pushes what makes every frame
// look alike, an error code and the vector.
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
        pushl %ds
        pushl %es
        pushl %fs
        pushl %gs
        movl $KERNEL_DS, %eax
        movl %eax, %ds
        movl %eax, %es
        // A TLS selector must not stay loaded while LOAD_TLS changes what it names.
        xorl %eax, %eax
        movl %eax, %fs
        movl %eax, %gs
        cld
        movl %esp, %ebp
        andl $-16, %esp
        subl $12, %esp
        pushl %ebp
        call HandleTrap
        movl %ebp, %esp

        .globl ReturnFromTrap
ReturnFromTrap:
        popl %gs
        popl %fs
        popl %es
        popl %ds
        popal
        addl $8, %esp                   // vector and error code
        pushl %eax
        movl 12(%esp), %eax             // eflags: their IF says what irq_enabled was
        andl $INTERRUPT_FLAG, %eax
        // An interrupt between the store and the iret would only find a deeper stack, but an
        // endless storm of them would find its end. The host holds interrupts back while %eip is in
        // this window (ABI.md §4.14).
        .globl noirq_window_start
noirq_window_start:
        movl %eax, %ss:lguest_data      // irq_enabled is its first field
        popl %eax
        iretl

// void SpinInsideNoIrqWindow(uint32_t rounds): for the test that shows the window to work.
// Interrupts are on just while it spins, so nothing but the window keeps them away.
        .globl SpinInsideNoIrqWindow
SpinInsideNoIrqWindow:
        movl 4(%esp), %ecx
        movl $INTERRUPT_FLAG, lguest_data
1:      subl $1, %ecx
        jnz 1b
        movl $0, lguest_data
        ret
        .globl noirq_window_end
noirq_window_end:

// void SpinOutsideNoIrqWindow(uint32_t rounds): the same, with interrupts.
        .globl SpinOutsideNoIrqWindow
SpinOutsideNoIrqWindow:
        movl 4(%esp), %ecx
1:      subl $1, %ecx
        jnz 1b
        ret

// bool CallCatching(void (*code)()): calls `code`; true when a trap ended it, in which case
// HandleTrap returned to CatchLanding.
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
        movl catch_stack, %esp
        movl $1, %eax
1:      movl $0, catch_stack
        addl $12, %esp
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret

        .bss
        .balign 4
        .globl catch_stack
catch_stack:
        .skip 4

// ---- Stacks ------------------------------------------------------------------------------------

        .text

// void SwitchStack(uint32_t* save, uint32_t load): parks the caller on its stack and resumes whoever
// parked at `load`.
        .globl SwitchStack
SwitchStack:
        movl 4(%esp), %eax
        movl 8(%esp), %edx
        pushl %ebp
        pushl %ebx
        pushl %esi
        pushl %edi
        movl %esp, (%eax)
        movl %edx, %esp
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret

        .section .note.GNU-stack, "", @progbits
