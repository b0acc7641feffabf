// The parts that C++ cannot express: the guest's entry, trap entries, and stack switches.

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

// One 16-byte stub per vector, 0 to 63, then one for the system call. A stub pushes the vector, and
// an error code if the CPU pushes none, so that all frames have the same layout.
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
        // A TLS selector must not stay loaded while LOAD_TLS changes its descriptor.
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
        movl 12(%esp), %eax             // eflags: IF is the previous value of irq_enabled
        andl $INTERRUPT_FLAG, %eax
        // If an interrupt came between the store and the iret, the stack would grow by one frame,
        // and an endless series of interrupts would overflow it. The host holds interrupts back
        // while %eip is in this window (ABI.md §4.14).
        .globl noirq_window_start
noirq_window_start:
        movl %eax, %ss:lguest_data      // irq_enabled is the first field
        popl %eax
        iretl

// void SpinInsideNoIrqWindow(uint32_t rounds): tests the window. irq_enabled is set only during the
// loop, so only the window can hold interrupts back.
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

// void SpinOutsideNoIrqWindow(uint32_t rounds): the same loop outside of the window.
        .globl SpinOutsideNoIrqWindow
SpinOutsideNoIrqWindow:
        movl 4(%esp), %ecx
1:      subl $1, %ecx
        jnz 1b
        ret

// bool CallCatching(void (*code)()): calls `code`. Returns true if a trap ended `code`; HandleTrap
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

// void SwitchStack(uint32_t* save, uint32_t load): saves the caller's context on its stack, and
// resumes the context that was saved at `load`.
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
