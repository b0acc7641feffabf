// The entry point of every process, at ring 3 with an empty stack: the program's number in %eax,
// its argument in %ebx.

        .section .entry, "ax"
        .globl UserEntry
UserEntry:
        subl $8, %esp
        pushl %ebx
        pushl %eax
        call UserMain
        movl %eax, %ebx                 // exit(code)
        xorl %eax, %eax
        int $0x80

        .section .note.GNU-stack, "", @progbits
