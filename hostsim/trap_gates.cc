#include "hostsim/trap_gates.h"

#include "hostsim/guest_death.h"

namespace lguest::hostsim {
namespace {

constexpr uint32_t kInterruptGate = 0xe;
constexpr uint32_t kTrapGate = 0xf;
constexpr uint32_t kPresent = 0x8000;

// Non-maskable interrupt, double fault, spurious interrupt and hypercall are the host's.
constexpr bool IsReservedVector(uint32_t vector) {
  return vector == 2 || vector == 8 || vector == 15 || vector == kHypercallVector;
}

// May be a port instruction, which the host emulates.
constexpr uint32_t kGeneralProtection = 13;

// Device not available, general protection and page fault: the host looks at them first, so user
// code never raises them with `int n`.
constexpr bool HostMustSee(uint32_t vector) {
  return vector == 7 || vector == kGeneralProtection || vector == 14;
}

}  // namespace

absl::Status TrapGates::Load(uint32_t vector, uint32_t low, uint32_t high) {
  if (IsReservedVector(vector)) return absl::OkStatus();
  Gate gate;
  if ((high & kPresent) != 0) {
    const uint32_t type = (high >> 8) & 0xf;
    if (type != kInterruptGate && type != kTrapGate) return GuestDeath("bad IDT type %u", type);
    gate = {.handler = GuestVirt((low & 0xffff) | (high & 0xffff0000)),
            .privilege = static_cast<uint8_t>((high >> 13) & 3),
            .disables_interrupts = type == kInterruptGate,
            .present = true};
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
  const AcceleratedGate fast = Fast(vector);
  // Only trap gates go straight to the guest; to all others the processor sees the host's own gate,
  // of privilege 0.
  return fast.entry == AcceleratedGate::Entry::kDirect && fast.gate.privilege >= privilege;
}

AcceleratedGate TrapGates::Fast(uint32_t vector) const {
  const bool is_interrupt = vector >= kFirstIrqVector && vector != kSystemCallVector;
  const Gate gate = Find(vector);
  if (!gate.present || is_interrupt || vector == kGeneralProtection) return {.gate = gate};
  const bool is_direct = !gate.disables_interrupts && !HostMustSee(vector);
  return {.entry = is_direct ? AcceleratedGate::Entry::kDirect : AcceleratedGate::Entry::kReflected,
          .gate = gate};
}

}  // namespace lguest::hostsim
