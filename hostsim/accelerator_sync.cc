#include "hostsim/accelerator_sync.h"

#include <algorithm>
#include <optional>

#include "hostsim/hypercall_accelerator.h"
#include "hostsim/shared_data.h"

namespace lguest::hostsim {
namespace {

// All handlers run with the same two segments. Where these are not what they should be, the host
// has to see every trap, to end the guest.
bool HasUsualSegments(const Guest& guest) {
  return guest.kernel_ss == kGuestKernelDs && guest.segments.IsRing1Stack(kGuestKernelDs) &&
         guest.segments.IsRing1Code(kGuestKernelCs);
}

FastPaths FastPathsOf(const Guest& guest, const SharedData& data) {
  FastPaths paths;
  paths.lguest_data = data.address();
  if (!HasUsualSegments(guest)) return paths;
  for (uint32_t vector = 0; vector < kExceptionVectors; ++vector) {
    paths.exceptions[vector] = guest.gates.Fast(vector);
  }
  paths.system_call = guest.gates.Fast(kSystemCallVector);
  return paths;
}

}  // namespace

void HandOverToCpu(Guest& guest) {
  if (!guest.data.has_value()) return;
  if (guest.fast_paths_changed) {
    guest.fast_paths_changed = false;
    guest.has_fast_paths = guest.cpu.SetFastPaths(FastPathsOf(guest, *guest.data));
  }
  if (!guest.has_fast_paths) return;
  FastPathState state = {.kernel_ss = guest.kernel_ss,
                         .kernel_esp = guest.kernel_esp,
                         .task_switched = guest.task_switched,
                         .next_ring_slot = guest.next_ring_slot};
  const auto tls = guest.segments.descriptors().subspan(kTlsFirstEntry, kTlsEntries);
  std::copy(tls.begin(), tls.end(), state.tls.begin());
  guest.cpu.HandOver(state, /*interrupt_waits=*/guest.pending_interrupts != 0);
}

void TakeBackFromCpu(Guest& guest) {
  if (!guest.has_fast_paths) return;
  const std::optional<FastPathState> changed = guest.cpu.TakeBack();
  if (!changed.has_value()) return;
  const FastPathState& state = *changed;
  if (state.kernel_ss != guest.kernel_ss) {
    guest.kernel_ss = state.kernel_ss;
    guest.fast_paths_changed = true;
  }
  guest.kernel_esp = state.kernel_esp;
  guest.task_switched = state.task_switched;
  guest.next_ring_slot = state.next_ring_slot % kHypercallRingSize;
  guest.segments.SetTls(state.tls);
}

}  // namespace lguest::hostsim
