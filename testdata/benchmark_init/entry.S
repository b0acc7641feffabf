// The entry point of the program: the kernel leaves argc and argv on the stack.

        .text
        .globl _start
_start:
        xorl %ebp, %ebp
        movl %esp, %eax
        andl $-16, %esp
        subl $12, %esp
        pushl %eax
        call BenchmarkMain
        ud2

        .section .note.GNU-stack, "", @progbits
