// lguest_data: the structure that host and guest share while the guest runs.

#ifndef HOSTSIM_SHARED_DATA_H_
#define HOSTSIM_SHARED_DATA_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_abi.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// A hypercall of any generation.
struct HypercallRequest {
  uint32_t number = 0;
  std::array<uint32_t, kHypercallMaxArguments> arguments = {};
};

// `struct lguest_data` of a running guest (ABI.md §1.5, §4.2, VIRTIO_ABI.md §3). At() checks the
// address once, because it does not change after LGUEST_INIT. Each function reads or writes guest
// memory once. A field that the generation does not have reads 0 and is not written. The guest may
// have written any value.
class SharedData {
 public:
  // Fails with OutOfRange if the structure is not completely in guest memory.
  static absl::StatusOr<SharedData> At(GuestMemory& memory, GuestPhys addr,
                                       const LguestDataLayout& layout = FirstGuestAbi().data);

  GuestPhys address() const { return addr_; }

  uint32_t irq_enabled() const { return Load<uint32_t>(offsetof(LguestData, irq_enabled)); }
  void set_irq_enabled(uint32_t value) { Store(offsetof(LguestData, irq_enabled), value); }
  uint32_t blocked_interrupts() const {
    return Load<uint32_t>(offsetof(LguestData, blocked_interrupts));
  }
  void set_cr2(uint32_t value) { Store(offsetof(LguestData, cr2), value); }
  void set_time(GuestTime time) { Store(offsetof(LguestData, time), time); }

  uint8_t hypercall_status(uint32_t slot) const {
    return Load<uint8_t>(layout_.hcall_status + slot);
  }
  void set_hypercall_status(uint32_t slot, uint8_t status) {
    Store(layout_.hcall_status + slot, status);
  }
  HypercallRequest hypercall(uint32_t slot) const {
    const uint32_t entry = layout_.hcalls + slot * layout_.ring_entry_size;
    HypercallRequest request = {.number = Load<uint32_t>(entry)};
    for (size_t i = 0; i < request.arguments.size(); ++i) {
      request.arguments[i] =
          Load<uint32_t>(entry + layout_.ring_arguments[i] * uint32_t{sizeof(uint32_t)});
    }
    return request;
  }

  void set_irq_pending(uint32_t value) { StoreField(layout_.irq_pending, value); }
  void set_reserve_mem(uint32_t bytes) { Store(layout_.reserve_mem, bytes); }
  void set_guestid(uint16_t id) { StoreField(layout_.guestid, id); }
  void set_tsc_khz(uint32_t khz) { Store(layout_.tsc_khz, khz); }
  void set_pgdir(uint32_t address) { StoreField(layout_.pgdir, address); }
  uint32_t noirq_start() const { return LoadField(layout_.noirq_start); }
  uint32_t noirq_end() const { return LoadField(layout_.noirq_end); }
  uint32_t noirq_iret() const { return LoadField(layout_.noirq_iret); }
  uint32_t kernel_address() const { return LoadField(layout_.kernel_address); }
  uint32_t syscall_vec() const { return LoadField(layout_.syscall_vec); }

 private:
  SharedData(GuestMemory& memory, GuestPhys addr, const LguestDataLayout& layout)
      : memory_(&memory), addr_(addr), layout_(layout) {}

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
  // For a field that not every generation has.
  uint32_t LoadField(uint32_t offset) const { return offset == 0 ? 0 : Load<uint32_t>(offset); }
  template <typename T>
  void StoreField(uint32_t offset, const T& value) {
    if (offset != 0) Store(offset, value);
  }

  GuestMemory* memory_;
  GuestPhys addr_;
  LguestDataLayout layout_;
};

inline absl::StatusOr<SharedData> SharedData::At(GuestMemory& memory, GuestPhys addr,
                                                 const LguestDataLayout& layout) {
  if (!memory.Contains(addr, layout.size)) {
    return absl::OutOfRangeError(absl::StrFormat("lguest_data at 0x%x", addr.value()));
  }
  return SharedData(memory, addr, layout);
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SHARED_DATA_H_
