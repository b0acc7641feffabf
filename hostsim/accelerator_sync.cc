#include "hostsim/accelerator_sync.h"

#include <algorithm>
#include <optional>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/shared_data.h"

namespace lguest::hostsim {
namespace {

// An accelerator enters all handlers with these two segments. If one of them is not valid, the host
// must get every trap, to kill the guest.
bool HasStandardSegments(const GuestState& guest) {
  return guest.kernel_ss == kGuestKernelDs && guest.gdt.IsRing1Stack(kGuestKernelDs) &&
         guest.gdt.IsRing1Code(kGuestKernelCs);
}

AcceleratorPolicy PolicyFor(const GuestState& guest, const SharedData& data) {
  AcceleratorPolicy policy;
  policy.lguest_data = data.address();
  policy.page_offset = guest.page_offset;
  if (!HasStandardSegments(guest)) return policy;
  for (uint32_t vector = 0; vector < kExceptionVectors; ++vector) {
    policy.exceptions[vector] = guest.gates.Accelerated(vector);
  }
  policy.system_call = guest.gates.Accelerated(kSystemCallVector);
  return policy;
}

}  // namespace

void SyncToAccelerator(GuestState& guest) {
  if (!guest.data.has_value()) return;
  if (guest.policy_changed) {
    guest.policy_changed = false;
    guest.accelerator = guest.cpu.accelerator();
    if (guest.accelerator == nullptr) return;
    guest.accelerator->SetPolicy(PolicyFor(guest, *guest.data));
  }
  if (guest.accelerator == nullptr) return;
  AcceleratorState state = {.kernel_ss = guest.kernel_ss,
                            .kernel_esp = guest.kernel_esp,
                            .task_switched = guest.task_switched,
                            .next_ring_slot = guest.next_ring_slot};
  const auto tls = guest.gdt.descriptors().subspan(kTlsFirstEntry, kTlsEntries);
  std::copy(tls.begin(), tls.end(), state.tls.begin());
  guest.accelerator->SetState(state, /*irq_pending=*/guest.pending_interrupts != 0);
}

void SyncFromAccelerator(GuestState& guest) {
  if (guest.accelerator == nullptr) return;
  const std::optional<AcceleratorState> state = guest.accelerator->TakeState();
  if (!state.has_value()) return;
  if (state->kernel_ss != guest.kernel_ss) {
    guest.kernel_ss = state->kernel_ss;
    guest.policy_changed = true;
  }
  guest.kernel_esp = state->kernel_esp;
  guest.task_switched = state->task_switched;
  guest.next_ring_slot = state->next_ring_slot % kHypercallRingSize;
  guest.gdt.SetTls(state->tls);
}

}  // namespace lguest::hostsim
