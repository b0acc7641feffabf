#include "hostsim/trap_delivery.h"

#include <bit>
#include <optional>
#include <span>

#include "hostsim/guest_death.h"
#include "hostsim/quirks.h"
#include "hostsim/trap_entry.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

absl::Status EnterHandler(GuestState& guest, const Gate& gate, std::optional<uint32_t> error_code) {
  Vcpu& cpu = guest.cpu;
  const TrapContext context = {
      .cs = cpu.Get(Register::kCs),
      .ss = cpu.Get(Register::kSs),
      .esp = cpu.Get(Register::kEsp),
      .eip = cpu.Get(Register::kEip),
      .eflags = cpu.Get(Register::kEflags),
      .kernel_ss = guest.kernel_ss,
      .kernel_esp = guest.kernel_esp,
      .irqs_enabled = !guest.data.has_value() || (guest.data->irq_enabled() & kInterruptFlag) != 0};
  const TrapEntry entry = MakeTrapEntry(context, gate, error_code);

  const auto ss = static_cast<uint16_t>(entry.ss);
  if (!guest.gdt.IsRing1Stack(ss)) return GuestDeath("bad stack segment %u", ss);
  if (!guest.gdt.IsRing1Code(kGuestKernelCs)) {
    return GuestDeath("bad code segment %u", kGuestKernelCs);
  }
  const GuestPhys top = guest.KernelPhys(entry.esp);
  if (QuirkRejects(guest.quirks, guest.memory, top, entry.frame_size())) {
    return GuestDeath("bad write address 0x%x", top.value());
  }
  if (absl::Status pushed = guest.memory.WriteBytes(top, std::as_bytes(entry.frame()));
      !pushed.ok()) {
    return GuestDeath("%s", pushed.message());
  }
  cpu.Set(Register::kCs, kGuestKernelCs);
  cpu.Set(Register::kSs, ss);
  cpu.Set(Register::kEsp, entry.esp);
  cpu.Set(Register::kEip, entry.eip);
  if (entry.eflags != context.eflags) cpu.Set(Register::kEflags, entry.eflags);
  if (entry.disables_irqs && guest.data.has_value()) guest.data->set_irq_enabled(0);
  return absl::OkStatus();
}

// VIRTIO_ABI.md §5.3: the guest is about to execute the `iret` that enables interrupts. What this
// `iret` would pop is the frame of the handler.
absl::Status EnterHandlerAtIret(GuestState& guest, const Gate& gate) {
  constexpr uint32_t kEflagsInFrame = 8;
  Vcpu& cpu = guest.cpu;
  const auto ss = static_cast<uint16_t>(cpu.Get(Register::kSs));
  if (!guest.gdt.IsRing1Stack(ss)) return GuestDeath("bad stack segment %u", ss);
  if (!guest.gdt.IsRing1Code(kGuestKernelCs)) {
    return GuestDeath("bad code segment %u", kGuestKernelCs);
  }
  const GuestPhys saved = guest.KernelPhys(cpu.Get(Register::kEsp) + kEflagsInFrame);
  const absl::StatusOr<uint32_t> eflags = guest.memory.Read<uint32_t>(saved);
  if (!eflags.ok()) return GuestDeath("%s", eflags.status().message());
  cpu.Set(Register::kCs, kGuestKernelCs);
  cpu.Set(Register::kEip, gate.handler.value());
  cpu.Set(Register::kEflags, *eflags & ~kEflagsClearedByTrap);
  if (gate.disables_interrupts && guest.data.has_value()) guest.data->set_irq_enabled(0);
  return absl::OkStatus();
}

// True if the guest is at the address of VIRTIO_ABI.md §5.3.
bool IsAtIret(const GuestState& guest) {
  return guest.noirq_iret != 0 && guest.cpu.Get(Register::kEip) == guest.noirq_iret &&
         PrivilegeLevel(guest.cpu) == 1;
}

// True if the guest accepts interrupts now (ABI.md §4.14).
bool CanDeliverInterrupt(const GuestState& guest, const SharedData& data) {
  const uint32_t eip = guest.cpu.Get(Register::kEip);
  if (eip >= guest.noirq_start && eip < guest.noirq_end) return false;
  return guest.halted || data.irq_enabled() != 0;
}

}  // namespace

absl::StatusOr<bool> DeliverTrap(GuestState& guest, uint32_t vector, uint32_t error_code) {
  const Gate gate = guest.gates.Find(vector);
  if (!gate.present) return false;
  RETURN_IF_ERROR(EnterHandler(
      guest, gate, PushesErrorCode(vector) ? std::optional<uint32_t>(error_code) : std::nullopt));
  return true;
}

absl::Status DeliverInterrupt(GuestState& guest) {
  if (!guest.data.has_value()) return absl::OkStatus();
  if (guest.pending_interrupts == 0) return absl::OkStatus();
  const uint32_t deliverable = guest.pending_interrupts & ~guest.data->blocked_interrupts();
  if (deliverable == 0) return absl::OkStatus();
  if (!CanDeliverInterrupt(guest, *guest.data)) {
    if (guest.data->irq_enabled() == 0) guest.data->set_irq_pending(kInterruptFlag);
    return absl::OkStatus();
  }
  if (guest.halted) {
    guest.data->set_irq_enabled(kInterruptFlag);
    guest.halted = false;
  }
  const auto irq = static_cast<uint32_t>(std::countr_zero(deliverable));
  const Gate gate = guest.gates.Find(kFirstIrqVector + irq);
  if (gate.present) {
    guest.pending_interrupts &= ~(1u << irq);
    RETURN_IF_ERROR(IsAtIret(guest) ? EnterHandlerAtIret(guest, gate)
                                    : EnterHandler(guest, gate, std::nullopt));
  }
  if ((deliverable & (deliverable - 1)) == 0) guest.data->set_irq_pending(0);
  guest.data->set_time(guest.clock.WallTime());
  return absl::OkStatus();
}

}  // namespace lguest::hostsim
