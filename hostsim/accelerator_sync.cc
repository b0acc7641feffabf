#include "hostsim/accelerator_sync.h"

#include <algorithm>
#include <optional>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/shared_data.h"

namespace lguest::hostsim {
namespace {

// All handlers run with the same two segments. Where these are not what they should be, the host
// has to see every trap, to end the guest.
bool HasUsualSegments(const GuestState& guest) {
  return guest.kernel_ss == kGuestKernelDs && guest.segments.IsRing1Stack(kGuestKernelDs) &&
         guest.segments.IsRing1Code(kGuestKernelCs);
}

AcceleratorPolicy PolicyOf(const GuestState& guest, const SharedData& data) {
  AcceleratorPolicy paths;
  paths.lguest_data = data.address();
  if (!HasUsualSegments(guest)) return paths;
  for (uint32_t vector = 0; vector < kExceptionVectors; ++vector) {
    paths.exceptions[vector] = guest.gates.Fast(vector);
  }
  paths.system_call = guest.gates.Fast(kSystemCallVector);
  return paths;
}

}  // namespace

void SyncToAccelerator(GuestState& guest) {
  if (!guest.data.has_value()) return;
  if (guest.policy_changed) {
    guest.policy_changed = false;
    guest.has_accelerator = guest.cpu.SetPolicy(PolicyOf(guest, *guest.data));
  }
  if (!guest.has_accelerator) return;
  AcceleratorState state = {.kernel_ss = guest.kernel_ss,
                            .kernel_esp = guest.kernel_esp,
                            .task_switched = guest.task_switched,
                            .next_ring_slot = guest.next_ring_slot};
  const auto tls = guest.segments.descriptors().subspan(kTlsFirstEntry, kTlsEntries);
  std::copy(tls.begin(), tls.end(), state.tls.begin());
  guest.cpu.HandOver(state, /*interrupt_waits=*/guest.pending_interrupts != 0);
}

void SyncFromAccelerator(GuestState& guest) {
  if (!guest.has_accelerator) return;
  const std::optional<AcceleratorState> changed = guest.cpu.TakeBack();
  if (!changed.has_value()) return;
  const AcceleratorState& state = *changed;
  if (state.kernel_ss != guest.kernel_ss) {
    guest.kernel_ss = state.kernel_ss;
    guest.policy_changed = true;
  }
  guest.kernel_esp = state.kernel_esp;
  guest.task_switched = state.task_switched;
  guest.next_ring_slot = state.next_ring_slot % kHypercallRingSize;
  guest.segments.SetTls(state.tls);
}

}  // namespace lguest::hostsim
