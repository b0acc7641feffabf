#include "hostsim/trap_delivery.h"

#include <bit>
#include <span>

#include "hostsim/guest_death.h"
#include "hostsim/i386/trap_frame.h"
#include "hostsim/quirks.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

constexpr bool PushesErrorCode(uint32_t vector) {
  return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

absl::Status Enter(GuestState& guest, const Gate& gate, const uint32_t* error_code) {
  Vcpu& cpu = guest.cpu;
  uint32_t esp = cpu.Get(Register::kEsp);
  TrapFrame frame;
  const bool from_user = PrivilegeLevel(cpu) != 1;
  if (from_user) {
    frame.Push(cpu.Get(Register::kSs));
    frame.Push(esp);
    esp = guest.kernel_esp;
  }
  // The processor never has interrupts off while a guest runs; what the guest believes is in the
  // shared page.
  const uint32_t eflags = cpu.Get(Register::kEflags);
  const bool irqs_off = guest.data.has_value() && (guest.data->irq_enabled() & kInterruptFlag) == 0;
  frame.Push(irqs_off ? eflags & ~kInterruptFlag : eflags);
  frame.Push(cpu.Get(Register::kCs));
  frame.Push(cpu.Get(Register::kEip));
  if (error_code != nullptr) frame.Push(*error_code);

  const uint16_t ss = from_user ? guest.kernel_ss : static_cast<uint16_t>(cpu.Get(Register::kSs));
  if (!guest.segments.IsRing1Stack(ss)) return GuestDeath("bad stack segment %u", ss);
  if (!guest.segments.IsRing1Code(kGuestKernelCs)) {
    return GuestDeath("bad code segment %u", kGuestKernelCs);
  }

  const uint32_t len = frame.size();
  esp -= len;
  const GuestPhys top = guest.KernelPhys(esp);
  if (QuirkRejects(guest.quirks, guest.memory, top, len)) {
    return GuestDeath("bad write address 0x%x", top.value());
  }
  if (absl::Status pushed = guest.memory.WriteBytes(top, std::as_bytes(frame.words()));
      !pushed.ok()) {
    return GuestDeath("%s", pushed.message());
  }
  cpu.Set(Register::kCs, kGuestKernelCs);
  cpu.Set(Register::kSs, ss);
  cpu.Set(Register::kEsp, esp);
  cpu.Set(Register::kEip, gate.handler.value());
  if ((eflags & kClearedInHandler) != 0) cpu.Set(Register::kEflags, eflags & ~kClearedInHandler);
  if (gate.disables_interrupts && guest.data.has_value()) guest.data->set_irq_enabled(0);
  return absl::OkStatus();
}

// Whether the guest accepts an interrupt just now.
bool CanDeliverInterrupt(const GuestState& guest, const SharedData& data) {
  const uint32_t eip = guest.cpu.Get(Register::kEip);
  if (eip >= guest.noirq_start && eip < guest.noirq_end) return false;
  return guest.halted || data.irq_enabled() != 0;
}

}  // namespace

absl::StatusOr<bool> DeliverTrap(GuestState& guest, uint32_t vector, uint32_t error_code) {
  const Gate gate = guest.gates.Find(vector);
  if (!gate.present) return false;
  RETURN_IF_ERROR(Enter(guest, gate, PushesErrorCode(vector) ? &error_code : nullptr));
  return true;
}

absl::Status DeliverInterrupt(GuestState& guest) {
  if (!guest.data.has_value()) return absl::OkStatus();
  if (guest.pending_interrupts == 0) return absl::OkStatus();
  const uint32_t deliverable = guest.pending_interrupts & ~guest.data->blocked_interrupts();
  if (deliverable == 0 || !CanDeliverInterrupt(guest, *guest.data)) return absl::OkStatus();
  if (guest.halted) {
    guest.data->set_irq_enabled(kInterruptFlag);
    guest.halted = false;
  }
  const auto irq = static_cast<uint32_t>(std::countr_zero(deliverable));
  const Gate gate = guest.gates.Find(kFirstIrqVector + irq);
  if (gate.present) {
    guest.pending_interrupts &= ~(1u << irq);
    RETURN_IF_ERROR(Enter(guest, gate, nullptr));
  }
  guest.data->set_time(guest.clock.WallTime());
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
