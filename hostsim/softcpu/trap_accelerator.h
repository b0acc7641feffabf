// Enters the guest's handlers of system calls and page faults without the host.

#ifndef HOSTSIM_SOFTCPU_TRAP_ACCELERATOR_H_
#define HOSTSIM_SOFTCPU_TRAP_ACCELERATOR_H_

#include <cstdint>
#include <optional>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/softcpu/host_area.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// Enters the guest's handlers of system calls and page faults exactly as the host does (ABI.md
// §4.15, §4.16). The host handles all other traps. This saves 70 ns per system call.
class TrapAccelerator final : public HypercallAccelerator {
 public:
  // All arguments must outlive this object.
  TrapAccelerator(GuestMemory& memory, UnicornInternals& unicorn, const HostArea& host_area)
      : memory_(memory), unicorn_(unicorn), host_area_(host_area) {}

  void SetPolicy(const AcceleratorPolicy& policy) override { policy_ = policy; }
  void SetState(const AcceleratorState& state, bool irq_pending) override {
    kernel_esp_ = state.kernel_esp;
    irq_pending_ = irq_pending;
  }
  std::optional<AcceleratorState> TakeState() override { return std::nullopt; }

  // Call it after `trap`, before anything else changes the guest. Enters the guest's handler and
  // returns true, or changes nothing and returns false. If it returns false, the host must handle
  // the trap.
  bool TryEnter(const Trap& trap);

 private:
  // The gate of `trap`; nullptr if the host must handle the trap.
  const Gate* Find(const Trap& trap) const;
  // Not inlined: TryEnter() returns false for every hypercall, and a short prologue saves 1 ns.
  [[gnu::noinline]] bool Enter(const Trap& trap, const Gate& gate);

  GuestMemory& memory_;
  UnicornInternals& unicorn_;
  const HostArea& host_area_;
  AcceleratorPolicy policy_;
  uint32_t kernel_esp_ = 0;
  bool irq_pending_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_TRAP_ACCELERATOR_H_
