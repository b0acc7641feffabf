// The guest's IDT.

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
  // Lets `int n` use interrupt gates, too (VIRTIO_ABI.md §5.4).
  void AllowInterruptGates() { int_uses_interrupt_gates_ = true; }

  // LOAD_IDT_ENTRY. Ignores vectors that a guest cannot set. Fails with Aborted if the gate is
  // present and neither an interrupt gate nor a trap gate.
  absl::Status Load(uint32_t vector, uint32_t low, uint32_t high);

  // The gate of `vector`. It is not present if the guest has not set it or cannot set it.
  Gate Find(uint32_t vector) const;

  // True if `int n` at ring `privilege` enters the guest's handler. Otherwise it raises #GP.
  bool MayInvoke(uint32_t vector, uint32_t privilege) const;

  // The gate of `vector`, and which component may enter its handler (ABI.md §4.15).
  AcceleratedGate Accelerated(uint32_t vector) const;

 private:
  std::array<Gate, kFirstIrqVector + kInterrupts> gates_ = {};
  Gate system_call_;
  bool int_uses_interrupt_gates_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TRAP_GATES_H_
