// The buffers that a guest has bound to keys.

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

// BIND_DMA and GETDMA (ABI.md §2.6, §4.11): at most 32 bindings, each of an array of lguest_dma to
// a key and an interrupt.
class DmaBindings {
 public:
  // False when the interrupt is none (>= 32) or no slot is left.
  bool Bind(DmaKey key, GuestPhys array, uint32_t count, uint32_t irq);

  // False when that array is not bound to that key.
  bool Unbind(DmaKey key, GuestPhys array);

  // The first buffer that is free to be filled, of those bound to `key`; of several bindings the
  // latest counts. nullopt when there is none; with Quirks::kLinux2623 then the last buffer, if
  // any. Aborted (the guest dies) when the array does not lie in guest memory.
  absl::StatusOr<std::optional<BoundDma>> NextBuffer(const GuestMemory& memory, DmaKey key,
                                                     Quirks quirks) const;

 private:
  struct Binding {
    DmaKey key;
    GuestPhys array;
    uint32_t count;
    uint32_t irq;
  };

  std::vector<Binding> bindings_;  // the latest is the last
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_DMA_BINDINGS_H_
