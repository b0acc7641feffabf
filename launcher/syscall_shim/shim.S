// The two places that must control registers: the entry point of the program and the entry of its
// system calls. The logic is in shim.cc and fallback.cc.

#include <asm/errno.h>
#include <asm/unistd.h>

	.text

	.globl	SyscallShimStart
	.type	SyscallShimStart, @function
SyscallShimStart:
	.cfi_startproc
	.cfi_undefined eip
	xorl	%ebp, %ebp		// the outermost frame
	movl	%esp, %esi
	andl	$-16, %esp
	subl	$12, %esp
	pushl	%esi
	call	SyscallShimPrepareStack
	movl	%esi, %esp		// restored: _start reads the arguments there
	xorl	%edx, %edx		// no function to call at exit
	jmp	_start
	.cfi_endproc
	.size	SyscallShimStart, .-SyscallShimStart

	.globl	SyscallShim
	.type	SyscallShim, @function
SyscallShim:
	.cfi_startproc
	// Only these calls have a fallback in fallback.cc. All other calls must leave the stack unused,
	// because some return twice or to another place. Compare with the lowest number first, because the
	// frequent calls of a running guest are below it.
	cmpl	$__NR_futex, %eax
	jb	3f
	.irp	number, __NR_futex, __NR_clock_gettime, __NR_fstatat64, __NR_pipe2, __NR_prlimit64, __NR_getrandom
	cmpl	$\number, %eax
	je	1f
	.endr
3:	jmp	*kernel_entry

1:	pushl	%eax
	.cfi_adjust_cfa_offset 4
	call	*kernel_entry
	cmpl	$-ENOSYS, %eax
	je	2f
	cmpl	$-EINVAL, %eax
	je	2f
	leal	4(%esp), %esp
	.cfi_adjust_cfa_offset -4
	ret

	// A ShimmedCall, from its last member to its first.
2:	.cfi_adjust_cfa_offset 4
	pushl	%ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebp, 0
	pushl	%edi
	pushl	%esi
	pushl	%edx
	pushl	%ecx
	pushl	%ebx
	.cfi_adjust_cfa_offset 20
	movl	%esp, %ebp
	.cfi_def_cfa_register ebp
	andl	$-16, %esp
	subl	$8, %esp
	pushl	%eax
	pushl	%ebp
	call	SyscallShimFallback
	movl	%ebp, %esp
	.cfi_def_cfa_register esp
	popl	%ebx
	popl	%ecx
	popl	%edx
	popl	%esi
	popl	%edi
	.cfi_adjust_cfa_offset -20
	popl	%ebp
	.cfi_adjust_cfa_offset -4
	.cfi_restore ebp
	leal	4(%esp), %esp		// drop the number
	.cfi_adjust_cfa_offset -4
	ret
	.cfi_endproc
	.size	SyscallShim, .-SyscallShim

	.section .note.GNU-stack, "", @progbits
