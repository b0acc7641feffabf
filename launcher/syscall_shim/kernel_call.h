// System calls for code that runs below the C library.

#ifndef LAUNCHER_SYSCALL_SHIM_KERNEL_CALL_H_
#define LAUNCHER_SYSCALL_SHIM_KERNEL_CALL_H_

#include <fcntl.h>
#include <sys/syscall.h>

#include <cstdint>

namespace lguest::syscall_shim {

// Makes a system call with int $0x80, which every kernel supports. Returns the kernel's result; a
// negative errno is an error.
inline int32_t KernelCall(int32_t number, int32_t a = 0, int32_t b = 0, int32_t c = 0,
                          int32_t d = 0) {
  int32_t result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d)
               : "memory", "cc");
  return result;
}

template <typename T>
int32_t AddressOf(T* object) {
  return static_cast<int32_t>(reinterpret_cast<uintptr_t>(object));
}

template <typename T>
T* PointerTo(int32_t address) {
  return reinterpret_cast<T*>(static_cast<uintptr_t>(address));
}

// Fills `buffer` with up to `size` random bytes without blocking. Returns the number of bytes.
inline int32_t RandomBytes(void* buffer, int32_t size) {
  const int32_t fd = KernelCall(SYS_open, AddressOf("/dev/urandom"), O_RDONLY);
  if (fd < 0) return fd;
  const int32_t got = KernelCall(SYS_read, fd, AddressOf(buffer), size);
  KernelCall(SYS_close, fd);
  return got;
}

}  // namespace lguest::syscall_shim

#endif  // LAUNCHER_SYSCALL_SHIM_KERNEL_CALL_H_
