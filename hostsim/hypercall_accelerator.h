// What a CPU may do for its guest in the host's place, because it comes up all the time.

#ifndef HOSTSIM_HYPERCALL_ACCELERATOR_H_
#define HOSTSIM_HYPERCALL_ACCELERATOR_H_

#include <array>
#include <cstdint>

#include "hostsim/i386/gate.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

inline constexpr uint32_t kExceptionVectors = 32;

// A handler of the guest's kernel, and who takes the guest there.
struct AcceleratedGate {
  enum class Entry : uint8_t {
    kByHost,     // the trap handler has to be told
    kReflected,  // the CPU, exactly as the host would; never by `int n`
    kDirect,     // the processor, as through a trap gate, also by `int n`
  };
  Entry entry = Entry::kByHost;
  Gate gate;
};

// Exceptions and hypercalls that a CPU may serve by itself, as ABI.md §4.1 and §4.15 describe. The
// host decides what is allowed: all that is in here it has checked.
struct AcceleratorPolicy {
  // Where lguest_data lies, all of it in guest memory: from it and from %eax a CPU may serve
  // hypercalls that concern nothing but itself and AcceleratorState, those in the ring first.
  GuestPhys lguest_data;
  std::array<AcceleratedGate, kExceptionVectors> exceptions;
  AcceleratedGate system_call;
};

// What such hypercalls change.
struct AcceleratorState {
  // The ring-1 stack on which user code enters the kernel.
  uint16_t kernel_ss = kGuestKernelDs;
  uint32_t kernel_esp = 0;
  bool task_switched = false;
  uint32_t next_ring_slot = 0;  // the first that is not done
  std::array<uint64_t, kTlsEntries> tls = {};
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_HYPERCALL_ACCELERATOR_H_
