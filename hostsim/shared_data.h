// lguest_data: the structure that host and guest share while the guest runs.

#ifndef HOSTSIM_SHARED_DATA_H_
#define HOSTSIM_SHARED_DATA_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// `struct lguest_data` of a running guest (ABI.md §1.5, §4.2). At() checks the address once,
// because it does not change after LGUEST_INIT. Each function reads or writes guest memory once.
// The guest may have written any value.
class SharedData {
 public:
  // Fails with OutOfRange if the structure is not completely in guest memory.
  static absl::StatusOr<SharedData> At(GuestMemory& memory, GuestPhys addr);

  GuestPhys address() const { return addr_; }

  uint32_t irq_enabled() const { return Load<uint32_t>(offsetof(LguestData, irq_enabled)); }
  void set_irq_enabled(uint32_t value) { Store(offsetof(LguestData, irq_enabled), value); }
  uint32_t blocked_interrupts() const {
    return Load<uint32_t>(offsetof(LguestData, blocked_interrupts));
  }
  void set_cr2(uint32_t value) { Store(offsetof(LguestData, cr2), value); }
  void set_time(GuestTime time) { Store(offsetof(LguestData, time), time); }

  uint8_t hypercall_status(uint32_t slot) const {
    return Load<uint8_t>(offsetof(LguestData, hcall_status) + slot);
  }
  void set_hypercall_status(uint32_t slot, uint8_t status) {
    Store(offsetof(LguestData, hcall_status) + slot, status);
  }
  HypercallArguments hypercall(uint32_t slot) const {
    const size_t call = offsetof(LguestData, hcalls) + slot * sizeof(HypercallArguments);
    return {.eax = Load<uint32_t>(call + offsetof(HypercallArguments, eax)),
            .edx = Load<uint32_t>(call + offsetof(HypercallArguments, edx)),
            .ebx = Load<uint32_t>(call + offsetof(HypercallArguments, ebx)),
            .ecx = Load<uint32_t>(call + offsetof(HypercallArguments, ecx))};
  }

  void set_reserve_mem(uint32_t bytes) { Store(offsetof(LguestData, reserve_mem), bytes); }
  void set_guestid(uint16_t id) { Store(offsetof(LguestData, guestid), id); }
  void set_tsc_khz(uint32_t khz) { Store(offsetof(LguestData, tsc_khz), khz); }
  uint32_t noirq_start() const { return Load<uint32_t>(offsetof(LguestData, noirq_start)); }
  uint32_t noirq_end() const { return Load<uint32_t>(offsetof(LguestData, noirq_end)); }

 private:
  SharedData(GuestMemory& memory, GuestPhys addr) : memory_(&memory), addr_(addr) {}

  GuestPhys Field(size_t offset) const {
    return GuestPhys(addr_.value() + static_cast<uint32_t>(offset));
  }
  template <typename T>
  T Load(size_t offset) const {
    return memory_->Fetch<T>(Field(offset));
  }
  template <typename T>
  void Store(size_t offset, const T& value) {
    memory_->Write(Field(offset), value).IgnoreError();  // cannot fail: At() has checked the range
  }

  GuestMemory* memory_;
  GuestPhys addr_;
};

inline absl::StatusOr<SharedData> SharedData::At(GuestMemory& memory, GuestPhys addr) {
  RETURN_IF_ERROR(memory.Read<LguestData>(addr).status());
  return SharedData(memory, addr);
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SHARED_DATA_H_
