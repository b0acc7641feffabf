#include "testdata/guest/hypercall.h"

#include <algorithm>

#include "testdata/guest/memory.h"

lguest::LguestData lguest_data;

extern "C" char noirq_window_start[];
extern "C" char noirq_window_end[];

namespace guest {
namespace {

// The host always reads this many bytes of a crash reason.
constexpr uint32_t kReasonBytes = 128;
char crash_reason[kReasonBytes];

uint32_t next_ring_entry;

}  // namespace

void InitLguestData() {
  lguest_data.irq_enabled = 0;
  lguest_data.blocked_interrupts = 1u << lguest::kTimerIrq;
  lguest_data.hcall_status.fill(lguest::kHypercallDone);
  lguest_data.noirq_start = reinterpret_cast<uint32_t>(noirq_window_start);
  lguest_data.noirq_end = reinterpret_cast<uint32_t>(noirq_window_end);
  CallHost(Hypercall::kLguestInit, ToPhys(&lguest_data));
}

void Crash(std::string_view reason) {
  const size_t length = std::min<size_t>(reason.size(), kReasonBytes - 1);
  memcpy(crash_reason, reason.data(), length);
  crash_reason[length] = '\0';
  CallHost(Hypercall::kCrash, ToPhys(crash_reason));
  for (;;) {
  }
}

void PowerOff() { Crash(lguest::kPowerOffReason); }

void CallHostLater(Hypercall call, uint32_t edx, uint32_t ebx, uint32_t ecx) {
  const uint32_t entry = next_ring_entry;
  next_ring_entry = (next_ring_entry + 1) % lguest::kHypercallRingSize;
  lguest_data.hcalls[entry] = {static_cast<uint32_t>(call), edx, ebx, ecx};
  // The arguments must be in memory before the host sees the entry.
  asm volatile("" : : : "memory");
  WriteOnce(lguest_data.hcall_status[entry], lguest::kHypercallPending);
}

uint32_t PendingHypercalls() {
  uint32_t pending = 0;
  for (const uint8_t& status : lguest_data.hcall_status) {
    if (ReadOnce(status) != lguest::kHypercallDone) ++pending;
  }
  return pending;
}

}  // namespace guest
