#include "launcher/syscall_shim/shim.h"

#include <elf.h>

#include "launcher/syscall_shim/kernel_call.h"

// The pointer's value before the shim: the kernel's fast entry, or the library's `int $0x80`.
extern "C" {
void (*kernel_entry)();
}

namespace {

using ::lguest::syscall_shim::AddressOf;
using ::lguest::syscall_shim::RandomBytes;

alignas(16) uint32_t random_bytes[4];

// Runs during the C library's start, before any thread can exist.
void InstallGate() {
  asm volatile("movl %%gs:16, %0" : "=r"(kernel_entry));
  asm volatile("movl %0, %%gs:16" : : "r"(&SyscallShim) : "memory");
}

__attribute__((section(".preinit_array"), used)) void (*const kInstallGate)() = InstallGate;

}  // namespace

void SyscallShimPrepareStack(uintptr_t* stack) {
  const uintptr_t argument_count = stack[0];
  uintptr_t* environment = stack + 1 + argument_count + 1;
  while (*environment != 0) ++environment;
  Elf32_auxv_t* spare = nullptr;
  for (auto* entry = reinterpret_cast<Elf32_auxv_t*>(environment + 1); entry->a_type != AT_NULL;
       ++entry) {
    if (entry->a_type == AT_RANDOM) return;
    // The value is always 0 and nobody reads it, so the entry can be replaced.
    if (entry->a_type == AT_FLAGS) spare = entry;
  }
  if (spare == nullptr) return;
  // The bytes seed the stack and pointer guards. Without /dev/urandom, weak bytes are better than
  // none.
  if (RandomBytes(random_bytes, sizeof(random_bytes)) != sizeof(random_bytes)) {
    for (uint32_t& word : random_bytes) {
      word = (static_cast<uint32_t>(__builtin_ia32_rdtsc()) * 2654435761u) ^
             static_cast<uint32_t>(AddressOf(stack));
    }
  }
  spare->a_type = AT_RANDOM;
  spare->a_un.a_val = static_cast<uint32_t>(AddressOf(&random_bytes[0]));
}
