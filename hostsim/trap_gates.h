// Where the guest wants to be told of traps and interrupts.

#ifndef HOSTSIM_TRAP_GATES_H_
#define HOSTSIM_TRAP_GATES_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/i386/gate.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {

// The guest's IDT (ABI.md §4.6): vectors 0 to 63 and 0x80.
class TrapGates {
 public:
  // Aborted when a present gate is neither interrupt nor trap gate. Vectors that a guest cannot
  // have are ignored.
  absl::Status Load(uint32_t vector, uint32_t low, uint32_t high);

  // Not present where the guest has set none, or may not have one.
  Gate Find(uint32_t vector) const;

  // Whether `int n` at ring `privilege` reaches the guest's handler; otherwise it is a #GP.
  bool MayInvoke(uint32_t vector, uint32_t privilege) const;

  // Whether a CPU may enter the handler of `vector` in the host's place.
  AcceleratedGate Accelerated(uint32_t vector) const;

 private:
  std::array<Gate, kFirstIrqVector + kInterrupts> gates_ = {};
  Gate system_call_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TRAP_GATES_H_
