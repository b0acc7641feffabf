// All that a software host knows of one guest.

#ifndef HOSTSIM_GUEST_STATE_H_
#define HOSTSIM_GUEST_STATE_H_

#include <cstdint>
#include <optional>

#include "hostsim/clock.h"
#include "hostsim/dma_bindings.h"
#include "hostsim/guest_gdt.h"
#include "hostsim/quirks.h"
#include "hostsim/shared_data.h"
#include "hostsim/trap_gates.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// Belongs to the thread that runs the guest.
struct GuestState {
  GuestState(GuestMemory& its_memory, Vcpu& its_cpu, Clock& its_clock)
      : memory(its_memory), cpu(its_cpu), clock(its_clock) {}

  // Where a kernel address of the guest lies in its memory, as far as one can tell without its page
  // tables: only the linear map counts (ABI.md §4.15). What comes out is unchecked.
  GuestPhys KernelPhys(uint32_t virt) const { return GuestPhys(virt - page_offset); }

  // A key is where a futex could be: in guest memory, and aligned as one.
  bool IsUsableKey(DmaKey key) const {
    return key.value() % sizeof(uint32_t) == 0 &&
           memory.Contains(GuestPhys(key.value()), sizeof(uint32_t));
  }

  GuestMemory& memory;
  Vcpu& cpu;
  Clock& clock;

  Quirks quirks = Quirks::kNone;
  uint32_t page_offset = 0;
  uint32_t tsc_khz = 0;  // 0: do not trust the time stamp counter
  uint16_t guest_id = 0;

  std::optional<SharedData> data;  // once the guest has said LGUEST_INIT
  uint32_t noirq_start = 0;        // no interrupt is delivered at %eip in [start, end)
  uint32_t noirq_end = 0;

  GuestGdt segments;
  TrapGates gates;
  uint16_t kernel_ss = kGuestKernelDs;  // the ring-1 stack that user code enters the kernel on
  uint32_t kernel_esp = 0;
  bool task_switched = false;

  DmaBindings bindings;
  uint32_t pending_interrupts = 0;  // a bit for each
  std::optional<Nanos> timer;       // when interrupt 0 is due

  bool halted = false;
  std::optional<DmaSent> sent;   // for the launcher, which has to serve it before the guest goes on
  bool hypercall_waits = false;  // the guest's `int $0x1f` is still to be done
  uint32_t next_ring_slot = 0;

  bool has_accelerator = false;  // the CPU does some of this by itself
  bool policy_changed = true;    // and has to hear what it may do
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_GUEST_STATE_H_
