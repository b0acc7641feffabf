// The interface of a CPU that serves frequent traps and hypercalls itself, in place of the host.

#ifndef HOSTSIM_HYPERCALL_ACCELERATOR_H_
#define HOSTSIM_HYPERCALL_ACCELERATOR_H_

#include <array>
#include <cstdint>
#include <optional>

#include "hostsim/i386/constants.h"
#include "hostsim/i386/gate.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

// A handler of the guest kernel, and the component that enters it.
struct AcceleratedGate {
  enum class Entry : uint8_t {
    kByHost,     // the host: its TrapHandler gets the trap
    kReflected,  // the CPU, by MakeTrapEntry(); never for an `int n`
    kDirect,     // the processor, as through a trap gate, also for an `int n`
  };
  Entry entry = Entry::kByHost;
  Gate gate;
};

// The traps and hypercalls that the CPU may serve. The host has checked all values.
struct AcceleratorPolicy {
  // The address of lguest_data, all of it in guest memory. The CPU may execute hypercalls that
  // change only CPU state and AcceleratorState: first the calls in the ring, then the direct call
  // (ABI.md §4.1, §4.13).
  GuestPhys lguest_data;
  uint32_t page_offset = 0;  // of the guest's linear map
  std::array<AcceleratedGate, kExceptionVectors> exceptions;
  AcceleratedGate system_call;
};

// The state that these hypercalls change.
struct AcceleratorState {
  uint16_t kernel_ss = kGuestKernelDs;  // the ring-1 stack for entries from ring 3
  uint32_t kernel_esp = 0;
  bool task_switched = false;
  uint32_t next_ring_slot = 0;  // the first that is not done
  std::array<uint64_t, kTlsEntries> tls = {};
};

// Serves some hypercalls and traps inside Vcpu::Run(), exactly as the software host would. A CPU
// offers one by Vcpu::accelerator(), or passes everything to the trap handler. Called on the thread
// that owns the CPU, while the guest is stopped.
class HypercallAccelerator {
 public:
  virtual ~HypercallAccelerator() = default;

  // Replaces the policy. Before the first call the CPU serves nothing.
  virtual void SetPolicy(const AcceleratorPolicy& policy) = 0;

  // Copies the host's state to the CPU before the guest runs. `irq_pending`: an interrupt is
  // pending that the guest does not accept now. The guest accepts it later by a plain store, so a
  // CPU for which traps are cheap then passes every trap to the host, which retries the delivery.
  // Other CPUs pass system calls, which come from code that runs with interrupts on.
  virtual void SetState(const AcceleratorState& state, bool irq_pending) = 0;

  // The state after the guest has stopped; nullopt if it is unchanged. The guest may have written
  // any value.
  virtual std::optional<AcceleratorState> TakeState() = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_HYPERCALL_ACCELERATOR_H_
