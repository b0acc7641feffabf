#include "hostsim/softcpu/trap_accelerator.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hostsim/softcpu/segment_registers.h"
#include "hostsim/trap_entry.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr int kCs = SegmentIndex(Register::kCs);
constexpr int kSs = SegmentIndex(Register::kSs);
constexpr int kEsp = static_cast<int>(Register::kEsp);

}  // namespace

const Gate* TrapAccelerator::Find(const Trap& trap) const {
  using Entry = AcceleratedGate::Entry;
  if (trap.kind == Trap::Kind::kSoftwareInterrupt && trap.vector == kSystemCallVector) {
    const AcceleratedGate& accelerated = policy_.system_call;
    const bool may_invoke = (unicorn_.selector(kCs) & 3) <= accelerated.gate.privilege;
    return accelerated.entry == Entry::kDirect && may_invoke ? &accelerated.gate : nullptr;
  }
  if (trap.kind == Trap::Kind::kException && trap.vector == kPageFault) {
    const AcceleratedGate& accelerated = policy_.exceptions[kPageFault];
    return accelerated.entry != Entry::kByHost ? &accelerated.gate : nullptr;
  }
  return nullptr;
}

bool TrapAccelerator::TryEnter(const Trap& trap) {
  if (irq_pending_) return false;
  const Gate* const gate = Find(trap);
  return gate != nullptr && Enter(trap, *gate);
}

bool TrapAccelerator::Enter(const Trap& trap, const Gate& gate) {
  const GuestPhys irq_enabled(policy_.lguest_data.value() + offsetof(LguestData, irq_enabled));
  const TrapContext context = {
      .cs = unicorn_.selector(kCs),
      .ss = unicorn_.selector(kSs),
      .esp = unicorn_.reg(kEsp),
      .eip = unicorn_.eip(),
      .eflags = unicorn_.eflags(),
      .kernel_ss = kGuestKernelDs,
      .kernel_esp = kernel_esp_,
      .irqs_enabled = (memory_.Fetch<uint32_t>(irq_enabled) & kInterruptFlag) != 0};
  const bool is_page_fault = trap.vector == kPageFault;
  const TrapEntry entry = MakeTrapEntry(
      context, gate, is_page_fault ? std::optional<uint32_t>(trap.error_code) : std::nullopt);
  // The kernel was running on another stack segment. The host checks whether it is valid.
  if (entry.ss != kGuestKernelDs) return false;

  const GuestPhys top(entry.esp - policy_.page_offset);
  // The host kills the guest if the frame is outside guest memory. A frame that ends exactly at the
  // top of memory goes to the host, too: Quirks::kLinux2623 rejects it (ABI.md §2.10).
  if (!memory_.Contains(top, entry.frame_size() + 1)) return false;
  if (!memory_.WriteBytes(top, std::as_bytes(entry.frame())).ok()) return false;
  if (is_page_fault) {
    const GuestPhys cr2(policy_.lguest_data.value() + offsetof(LguestData, cr2));
    if (!memory_.Write(cr2, trap.cr2).ok()) return false;
  }
  if (entry.disables_irqs && !memory_.Write(irq_enabled, uint32_t{0}).ok()) return false;

  LoadSegment(unicorn_, host_area_, kCs, kGuestKernelCs);
  LoadSegment(unicorn_, host_area_, kSs, kGuestKernelDs);
  DeriveHflags(unicorn_);
  unicorn_.set_reg(kEsp, entry.esp);
  unicorn_.set_eip(entry.eip);
  if (entry.eflags != context.eflags) unicorn_.set_eflags(entry.eflags);
  return true;
}

}  // namespace lguest::hostsim
