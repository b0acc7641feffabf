// The state of one guest in a software host.

#ifndef HOSTSIM_GUEST_STATE_H_
#define HOSTSIM_GUEST_STATE_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "hostsim/clock.h"
#include "hostsim/dma_bindings.h"
#include "hostsim/guest_gdt.h"
#include "hostsim/quirks.h"
#include "hostsim/shared_data.h"
#include "hostsim/trap_gates.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/guest_io.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// Belongs to the thread that owns the guest.
struct GuestState {
  GuestState(GuestMemory& guest_memory, Vcpu& vcpu, Clock& host_clock)
      : memory(guest_memory), cpu(vcpu), clock(host_clock) {}

  // The guest-physical address of a kernel address, by the linear map (ABI.md §4.15), not by the
  // guest's page tables. The result may be outside guest memory.
  GuestPhys KernelPhys(uint32_t virt) const {
    return GuestPhys(virt - (virt >= page_offset ? page_offset : low_offset));
  }

  // Any change of what follows changes the CPU's address space, too.
  Vcpu::AddressSpace address_space() const {
    return {.page_offset = page_offset,
            .format = paging,
            .bad_table_entry_flags = abi->allows_write_through ? kLargePage : kBadTableEntryFlags};
  }

  // A key is the address of an aligned word in guest memory.
  bool IsUsableKey(DmaKey key) const {
    return key.value() % sizeof(uint32_t) == 0 &&
           memory.Contains(GuestPhys(key.value()), sizeof(uint32_t));
  }

  GuestMemory& memory;
  Vcpu& cpu;
  Clock& clock;

  Quirks quirks = Quirks::kNone;
  const GuestAbi* abi = &FirstGuestAbi();
  GuestIo* io = nullptr;  // nullptr: no device behind ports and above memory
  uint32_t page_offset = 0;
  // The same for addresses below page_offset: 0 for a guest whose boot code runs at physical
  // addresses, else page_offset, so that the result lies outside guest memory.
  uint32_t low_offset = 0;
  PagingFormat paging = PagingFormat::kTwoLevel;
  bool has_switched_tables = false;  // NEW_PGTABLE has been executed
  uint32_t tsc_khz = 0;              // 0: the rate of the time stamp counter is not constant
  uint16_t guest_id = 0;

  std::optional<SharedData> data;  // set by LGUEST_INIT
  uint32_t noirq_start = 0;        // no interrupt is delivered at %eip in [start, end)
  uint32_t noirq_end = 0;
  uint32_t noirq_iret = 0;  // of VIRTIO_ABI.md §5.3; 0: none

  GuestGdt gdt;
  TrapGates gates;
  uint16_t kernel_ss = kGuestKernelDs;  // the ring-1 stack for entries from ring 3
  uint32_t kernel_esp = 0;
  bool task_switched = false;

  DmaBindings bindings;
  uint32_t pending_interrupts = 0;  // bit n: interrupt n
  std::optional<Nanos> timer;       // when interrupt 0 is due

  bool halted = false;
  // What the launcher must serve before the guest continues.
  std::optional<std::variant<DmaSent, Notified, RestartRequested>> for_launcher;
  bool hypercall_pending = false;  // a direct hypercall is not yet executed
  uint32_t next_ring_slot = 0;

  HypercallAccelerator* accelerator = nullptr;  // nullptr until it has a policy
  bool policy_changed = true;                   // since the last SetPolicy()
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_GUEST_STATE_H_
