// Lets a static program with a current glibc (Debian 12: 2.36, which requires Linux 3.2) run on
// Linux 2.6.23, which has /dev/lguest. A program only has to link //launcher/syscall_shim.
//
// The shim solves two problems:
//
//  * glibc reads 16 random bytes at the address in AT_RANDOM of the auxiliary vector, and does not
//    check that the entry exists. Kernels provide it since 2.6.29. The shim replaces the program's
//    entry point: it adds the entry, then jumps to the original entry point.
//  * glibc makes some newer system calls without a fallback. After its start it makes every call
//    through a pointer in the thread control block (%gs:16, meant for the kernel's fast entry),
//    which threads inherit. The shim replaces the pointer. It passes each call to the kernel first,
//    and handles a call itself only if the kernel does not support it. On a newer kernel nothing
//    changes.
//
// The shim does not handle calls of the launcher's own code, which has its own fallbacks.

#ifndef LAUNCHER_SYSCALL_SHIM_SHIM_H_
#define LAUNCHER_SYSCALL_SHIM_SHIM_H_

#include <cstdint>

extern "C" {

// The registers of a system call at the shim's entry.
struct ShimmedCall {
  int32_t args[6];  // %ebx, %ecx, %edx, %esi, %edi, %ebp
  int32_t number;
};

// Handles a call that the kernel rejected with `error` (-ENOSYS or -EINVAL). Returns the result, or
// `error` if there is no fallback.
int32_t SyscallShimFallback(const ShimmedCall* call, int32_t error);

// `stack` is the initial stack of a program: argument count, arguments, environment, auxiliary
// vector. Makes sure that the auxiliary vector has AT_RANDOM.
void SyscallShimPrepareStack(uintptr_t* stack);

// Takes the number in %eax and arguments in the registers above. Returns the result in %eax and
// preserves all other registers.
void SyscallShim();

// The entry point of the program.
void SyscallShimStart();

}  // extern "C"

#endif  // LAUNCHER_SYSCALL_SHIM_SHIM_H_
