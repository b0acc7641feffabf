// Distinguishes a free buffer from one that the guest has not emptied yet.

#ifndef LAUNCHER_HOST_DMA_LEDGER_H_
#define LAUNCHER_HOST_DMA_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// When every buffer of a key is in use, the 2.6.23 host hands out the last one nevertheless and
// overwrites its `used_len` with the interrupt's number (ABI.md §2.6). It has handed out that
// buffer before, while the buffer was free. So a ledger of what was handed out, and of the lengths
// before each request, shows whether the buffer was free.
class DmaLedger {
 public:
  // Records the `used_len` of every known buffer of `key`, before the host is asked for one.
  void Snapshot(const GuestMemory& memory, DmaKey key);

  // `dma` has been handed out for the key of the last Snapshot(). Returns the `used_len` it had
  // then: 0 when it was free, or never seen before.
  uint32_t RecordHandout(GuestPhys dma);

 private:
  struct Entry {
    DmaKey key;
    GuestPhys dma;
    uint32_t used_len;
    uint64_t handed_out;  // value of `times_` at the last handout
  };

  // LRU eviction. A guest with more than 64 buffers may get a false "free"; only that guest is
  // affected.
  static constexpr size_t kMaxEntries = 64;

  DmaKey key_;
  uint64_t times_ = 0;  // count of handouts
  std::vector<Entry> entries_;
};

}  // namespace lguest

#endif  // LAUNCHER_HOST_DMA_LEDGER_H_
