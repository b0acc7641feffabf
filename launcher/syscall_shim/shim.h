// A static program of a new C library on an old kernel: Debian's glibc 2.36, which asks for Linux
// 3.2, on the 2.6.23 that has /dev/lguest. Linking //launcher/syscall_shim is all that a program
// does.
//
// Two things stand between them:
//
//  * The library takes 16 random bytes from where AT_RANDOM in the auxiliary vector points, and
//    does not look whether it is there; it is since 2.6.29. The program's entry point is ours: it
//    adds the entry, then goes where the program would have started.
//  * The library makes some calls that are younger, without a way back. After its start it makes
//    every call through a pointer in the thread's control block (%gs:16, meant for the kernel's own
//    fast entry), which threads inherit. It points to our shim, which puts each call to the kernel
//    first and answers itself only what the kernel does not know. On a newer kernel nothing
//    changes.
//
// What the launcher's own code asks of the kernel is not answered here: that code has ways back of
// its own.

#ifndef LAUNCHER_SYSCALL_SHIM_SHIM_H_
#define LAUNCHER_SYSCALL_SHIM_SHIM_H_

#include <cstdint>

extern "C" {

// A system call as the shim found it.
struct ShimmedCall {
  int32_t args[6];  // %ebx, %ecx, %edx, %esi, %edi, %ebp
  int32_t number;
};

// Answers a call that the kernel refused with `error` (-ENOSYS or -EINVAL): the result, or `error`
// itself when that is the answer.
int32_t SyscallShimFallback(const ShimmedCall* call, int32_t error);

// `stack` is as the kernel leaves it to a new program: argument count, arguments, environment,
// auxiliary vector. Makes sure that the latter has AT_RANDOM.
void SyscallShimPrepareStack(uintptr_t* stack);

// Number in %eax, arguments in the registers above; result in %eax, all other registers kept.
void SyscallShim();

// The entry point of the program.
void SyscallShimStart();

}  // extern "C"

#endif  // LAUNCHER_SYSCALL_SHIM_SHIM_H_
