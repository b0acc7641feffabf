// Hypercalls: one software interrupt, and one structure that guest and host share (ABI.md §4.1).

#ifndef TESTDATA_GUEST_HYPERCALL_H_
#define TESTDATA_GUEST_HYPERCALL_H_

#include <cstdint>
#include <string_view>

#include "launcher/guest/abi.h"

// The host accesses this from LGUEST_INIT on. entry.S relies on irq_enabled being the first field.
extern "C" lguest::LguestData lguest_data;

namespace guest {

using lguest::Hypercall;

// Only BIND_DMA has a result.
inline uint32_t CallHost(Hypercall call, uint32_t edx = 0, uint32_t ebx = 0, uint32_t ecx = 0) {
  auto result = static_cast<uint32_t>(call);
  asm volatile("int $0x1f" : "+a"(result) : "d"(edx), "b"(ebx), "c"(ecx) : "memory");
  return result;
}

// The first hypercall of the guest.
void InitLguestData();

// Ends the guest. The launcher reports the reason, of at most 127 characters.
[[noreturn]] void Crash(std::string_view reason);

// Powers the guest off.
[[noreturn]] void PowerOff();

// Puts a hypercall into the shared ring. The host executes it before the next direct hypercall. The
// ring must have room.
void CallHostLater(Hypercall call, uint32_t edx = 0, uint32_t ebx = 0, uint32_t ecx = 0);

// Returns the number of ring entries that the host has not executed yet, of 64.
uint32_t PendingHypercalls();

}  // namespace guest

#endif  // TESTDATA_GUEST_HYPERCALL_H_
