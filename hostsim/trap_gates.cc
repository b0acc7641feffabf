#include "hostsim/trap_gates.h"

#include "hostsim/guest_death.h"

namespace lguest::hostsim {
namespace {

// Vectors that a guest cannot set (ABI.md §4.6).
constexpr bool IsReservedVector(uint32_t vector) {
  return vector == kNonMaskableInterrupt || vector == kDoubleFault ||
         vector == kSpuriousInterrupt || vector == kHypercallVector;
}

// Vectors that always go through the host (ABI.md §4.15), so `int n` cannot invoke their gates.
constexpr bool IsHandledByHostFirst(uint32_t vector) {
  return vector == kDeviceNotAvailable || vector == kGeneralProtection || vector == kPageFault;
}

}  // namespace

absl::Status TrapGates::Load(uint32_t vector, uint32_t low, uint32_t high) {
  if (IsReservedVector(vector)) return absl::OkStatus();
  Gate gate;
  if ((high & kGatePresent) != 0) {
    const uint32_t type = GateType(high);
    if (type != kInterruptGate && type != kTrapGate) return GuestDeath("bad IDT type %u", type);
    gate = DecodeGate(low, high);
  }
  if (vector < gates_.size()) {
    gates_[vector] = gate;
  } else if (vector == kSystemCallVector) {
    system_call_ = gate;
  }
  return absl::OkStatus();
}

Gate TrapGates::Find(uint32_t vector) const {
  if (vector < gates_.size()) return gates_[vector];
  return vector == kSystemCallVector ? system_call_ : Gate();
}

bool TrapGates::MayInvoke(uint32_t vector, uint32_t privilege) const {
  // Only these gates lead directly to the guest. For other vectors the processor uses the host's
  // own gate, which has DPL 0.
  const AcceleratedGate accelerated = Accelerated(vector);
  return accelerated.entry == AcceleratedGate::Entry::kDirect &&
         accelerated.gate.privilege >= privilege;
}

AcceleratedGate TrapGates::Accelerated(uint32_t vector) const {
  const bool is_interrupt = vector >= kFirstIrqVector && vector != kSystemCallVector;
  const Gate gate = Find(vector);
  if (!gate.present || is_interrupt || vector == kGeneralProtection) {
    return {.gate = gate};  // #GP may be a port instruction, which the host emulates
  }
  const bool is_usable = !gate.disables_interrupts || int_uses_interrupt_gates_;
  const bool is_direct = is_usable && !IsHandledByHostFirst(vector);
  return {.entry = is_direct ? AcceleratedGate::Entry::kDirect : AcceleratedGate::Entry::kReflected,
          .gate = gate};
}

}  // namespace lguest::hostsim
