// The DMA buffers that a guest has bound to keys.

#ifndef HOSTSIM_DMA_BINDINGS_H_
#define HOSTSIM_DMA_BINDINGS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "hostsim/quirks.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/host/host.h"

namespace lguest::hostsim {

// The bindings of one guest, for BIND_DMA and GETDMA (ABI.md §2.6, §4.11). Each binding has a key,
// an interrupt, and an array of lguest_dma. A guest has at most 32 bindings.
class DmaBindings {
 public:
  // Returns false if irq is 0 or >= 32, or if all 32 slots are in use.
  bool Bind(DmaKey key, GuestPhys array, uint32_t count, uint32_t irq);

  // Returns false if `array` is not bound to `key`.
  bool Unbind(DmaKey key, GuestPhys array);

  // Returns the first free buffer (used_len is 0) of the latest binding of `key`. If all buffers
  // are in use, returns nullopt, or with Quirks::kLinux2623 the last buffer. Returns nullopt if the
  // key is not bound or the array is empty. Fails with Aborted (the guest dies) if the array is not
  // in guest memory.
  absl::StatusOr<std::optional<BoundDma>> NextBuffer(const GuestMemory& memory, DmaKey key,
                                                     Quirks quirks) const;

 private:
  struct Binding {
    DmaKey key;
    GuestPhys array;
    uint32_t count;
    uint32_t irq;
  };

  std::vector<Binding> bindings_;  // from the oldest to the latest
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_DMA_BINDINGS_H_
