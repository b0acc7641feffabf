// Tells a free buffer from one that the guest has not emptied yet.

#ifndef LAUNCHER_HOST_DMA_LEDGER_H_
#define LAUNCHER_HOST_DMA_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// When every buffer of a key is in use, the 2.6.23 host hands out the last of them all the same and
// puts the interrupt's number over its `used_len` (ABI.md §2.6). It has handed that buffer out
// before, while it was free: so whoever remembers what was handed out, and looks at the lengths
// before asking, can tell.
class DmaLedger {
 public:
  // Notes the `used_len` of every buffer that is remembered for `key`.
  void Snapshot(const GuestMemory& memory, DmaKey key);

  // `dma` has been handed out for the key of the last Snapshot(). Returns the `used_len` it had
  // then: 0 when it was free, or never seen before.
  uint32_t RecordHandout(GuestPhys dma);

 private:
  struct Entry {
    DmaKey key;
    GuestPhys dma;
    uint32_t used_len;
    uint64_t handed_out;  // the last time, as counted by `times_`
  };

  // The least recent are forgotten: the last of a key's buffers is handed out after all others, so
  // only a guest with more keys than that has anything to lose, and no one else has.
  static constexpr size_t kMaxEntries = 64;

  DmaKey key_;
  uint64_t times_ = 0;  // that anything was handed out
  std::vector<Entry> entries_;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_DMA_LEDGER_H_
