// Enters the guest's handlers of the most frequent traps without the host.

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

// Serves system calls and page faults exactly as the host would (ABI.md §4.15), and leaves
// everything else to the host. Saves 70 ns of a system call.
class TrapAccelerator final : public HypercallAccelerator {
 public:
  // All of them have to outlive this.
  TrapAccelerator(GuestMemory& memory, UnicornInternals& unicorn, const HostArea& host_area)
      : memory_(memory), unicorn_(unicorn), host_area_(host_area) {}

  void set_page_offset(uint32_t page_offset) { page_offset_ = page_offset; }

  void SetPolicy(const AcceleratorPolicy& policy) override { policy_ = policy; }
  void SetState(const AcceleratorState& state, bool irq_pending) override {
    kernel_esp_ = state.kernel_esp;
    irq_pending_ = irq_pending;
  }
  std::optional<AcceleratorState> TakeState() override { return std::nullopt; }

  // The guest has just trapped. Moves it to its handler and returns true, or changes nothing and
  // returns false: then the host has to handle the trap.
  bool TryEnter(const Trap& trap);

 private:
  // The gate for `trap`, or nullptr.
  const Gate* Find(const Trap& trap) const;

  GuestMemory& memory_;
  UnicornInternals& unicorn_;
  const HostArea& host_area_;
  uint32_t page_offset_ = 0;
  AcceleratorPolicy policy_;
  uint32_t kernel_esp_ = 0;
  bool irq_pending_ = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_TRAP_ACCELERATOR_H_
