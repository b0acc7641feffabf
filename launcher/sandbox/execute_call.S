// See execute_call.h.

    .text
    .globl  LguestExecuteCall
    .type   LguestExecuteCall, @function
LguestExecuteCall:
    mov     %rdi, %rax
    mov     %rsi, %r11
    mov     0(%r11), %rdi
    mov     8(%r11), %rsi
    mov     16(%r11), %rdx
    mov     24(%r11), %r10
    mov     32(%r11), %r8
    mov     40(%r11), %r9
    syscall
    .globl  kLguestExecuteCallReturn
kLguestExecuteCallReturn:
    ret
    .size   LguestExecuteCall, . - LguestExecuteCall

    .section .note.GNU-stack, "", @progbits
