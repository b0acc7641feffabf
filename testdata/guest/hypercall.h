// How the guest speaks to its host: one interrupt, and one structure that both can see (ABI.md
// §4.1).

#ifndef TESTDATA_GUEST_HYPERCALL_H_
#define TESTDATA_GUEST_HYPERCALL_H_

#include <cstdint>
#include <string_view>

#include "launcher/guest/abi.h"

// Shared with the host from LGUEST_INIT on. entry.S knows that irq_enabled is its first field.
extern "C" lguest::LguestData lguest_data;

namespace guest {

using lguest::Hypercall;

// The result means something for BIND_DMA only.
inline uint32_t CallHost(Hypercall call, uint32_t edx = 0, uint32_t ebx = 0, uint32_t ecx = 0) {
  auto result = static_cast<uint32_t>(call);
  asm volatile("int $0x1f" : "+a"(result) : "d"(edx), "b"(ebx), "c"(ecx) : "memory");
  return result;
}

// Must be the first hypercall.
void InitLguestData();

// Ends the guest; the launcher reports the reason (of which 127 characters fit).
[[noreturn]] void Crash(std::string_view reason);

// Ends the guest in good order.
[[noreturn]] void PowerOff();

// Puts a hypercall into the shared ring, for the host to do before the next direct one. The ring
// must have room.
void CallHostLater(Hypercall call, uint32_t edx = 0, uint32_t ebx = 0, uint32_t ecx = 0);

// Of the ring's 64 entries, those that the host has still to do.
uint32_t PendingHypercalls();

}  // namespace guest

#endif  // TESTDATA_GUEST_HYPERCALL_H_
