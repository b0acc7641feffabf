#include "hostsim/softcpu/trap_accelerator.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "hostsim/i386/trap_frame.h"
#include "hostsim/softcpu/segment_registers.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {
namespace {

constexpr int kCs = SegmentIndex(Register::kCs);
constexpr int kSs = SegmentIndex(Register::kSs);
constexpr int kEsp = static_cast<int>(Register::kEsp);

constexpr uint32_t kPageFault = 14;

}  // namespace

const Gate* TrapAccelerator::Find(const Trap& trap) const {
  if (trap.kind == Trap::Kind::kSoftwareInterrupt && trap.vector == kSystemCallVector) {
    const AcceleratedGate& fast = paths_.system_call;
    const bool may_invoke = (unicorn_.selector(kCs) & 3) <= fast.gate.privilege;
    return fast.entry == AcceleratedGate::Entry::kDirect && may_invoke ? &fast.gate : nullptr;
  }
  if (trap.kind == Trap::Kind::kException && trap.vector == kPageFault) {
    const AcceleratedGate& fast = paths_.exceptions[kPageFault];
    return fast.entry != AcceleratedGate::Entry::kByHost ? &fast.gate : nullptr;
  }
  return nullptr;
}

bool TrapAccelerator::Enter(const Trap& trap) {
  if (interrupt_waits_) return false;
  const Gate* const gate = Find(trap);
  if (gate == nullptr) return false;
  const uint32_t cs = unicorn_.selector(kCs);
  const uint32_t ss = unicorn_.selector(kSs);
  const bool from_user = (cs & 3) != 1;
  // A kernel with a stack of its own making: the host knows whether it may be one.
  if (!from_user && ss != kGuestKernelDs) return false;

  uint32_t esp = unicorn_.reg(kEsp);
  TrapFrame frame;
  if (from_user) {
    frame.Push(ss);
    frame.Push(esp);
    esp = kernel_esp_;
  }
  const GuestPhys irq_enabled(paths_.lguest_data.value() + offsetof(LguestData, irq_enabled));
  const bool irqs_off = (memory_.Fetch<uint32_t>(irq_enabled) & kInterruptFlag) == 0;
  const uint32_t eflags = unicorn_.eflags();
  frame.Push(irqs_off ? eflags & ~kInterruptFlag : eflags);
  frame.Push(cs);
  frame.Push(unicorn_.eip());
  if (trap.vector == kPageFault) frame.Push(trap.error_code);

  esp -= frame.size();
  const GuestPhys top(esp - page_offset_);
  // A frame that does not fit is the end of the guest, one that just fits of some guests.
  if (!memory_.Contains(top, frame.size() + 1)) return false;
  if (!memory_.WriteBytes(top, std::as_bytes(frame.words())).ok()) return false;
  if (trap.vector == kPageFault) {
    const GuestPhys cr2(paths_.lguest_data.value() + offsetof(LguestData, cr2));
    if (!memory_.Write(cr2, trap.cr2).ok()) return false;
  }
  if (gate->disables_interrupts && !memory_.Write(irq_enabled, uint32_t{0}).ok()) return false;

  LoadSegment(unicorn_, host_area_, kCs, kGuestKernelCs);
  LoadSegment(unicorn_, host_area_, kSs, kGuestKernelDs);
  DeriveHflags(unicorn_);
  unicorn_.set_reg(kEsp, esp);
  unicorn_.set_eip(gate->handler.value());
  if ((eflags & kClearedInHandler) != 0) unicorn_.set_eflags(eflags & ~kClearedInHandler);
  return true;
}

}  // namespace lguest::hostsim
