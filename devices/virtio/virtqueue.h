// One virtqueue: a split ring in guest memory.

#ifndef DEVICES_VIRTIO_VIRTQUEUE_H_
#define DEVICES_VIRTIO_VIRTQUEUE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/bus/dma_chain.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {

// How a device interrupts the guest.
class InterruptLine {
 public:
  virtual ~InterruptLine() = default;

  // An error ends the guest.
  virtual absl::Status Raise() = 0;
};

// The buffers of one request. All of them are checked.
struct VirtqChain {
  uint16_t head = 0;
  DmaChain readable;  // what the device reads; comes first
  DmaChain writable;
};

// The device's side of a split virtqueue (VIRTIO_ABI.md §7). All contents of the rings are hostile:
// each number is read once and checked, and a broken rule is an error, which ends the guest.
//
// Not thread-safe.
class Virtqueue {
 public:
  struct Place {
    uint32_t size = 0;  // entries of each part
    GuestPhys descriptors;
    GuestPhys available;
    GuestPhys used;
  };

  // What went through the queue.
  struct Counts {
    uint64_t sent = 0;  // chains with something to read
    uint64_t sent_bytes = 0;
    uint64_t filled = 0;  // chains with something to write
    uint64_t filled_bytes = 0;
  };

  // `memory` and `line` must outlive the queue.
  Virtqueue(GuestMemory& memory, InterruptLine& line) : memory_(memory), line_(line) {}

  // Starts the queue, with all of it unused. Fails for a place that VIRTIO_ABI.md §7.3 forbids.
  absl::Status Enable(const Place& place);

  // Stops the queue and forgets its state.
  void Disable() { place_ = {}; }

  bool is_enabled() const { return place_.size != 0; }
  void set_allows_indirect(bool allows) { allows_indirect_ = allows; }

  // Takes the next chain that the guest has made available. Returns false if there is none, or if
  // the queue is disabled.
  absl::StatusOr<bool> Pop(VirtqChain& chain);

  // The rest is for a queue that is enabled.

  // Makes the last chain of Pop() available again. Only before another Pop() or a Push().
  void UnPop() { --next_available_; }

  // Gives a chain back. `written`: the bytes that the device has written to its start.
  absl::Status Push(const VirtqChain& chain, uint32_t written);

  // Interrupts the guest if it wants that.
  absl::Status Interrupt();

  const Counts& counts() const { return counts_; }

 private:
  absl::Status Collect(uint16_t head, VirtqChain& chain);
  absl::Status Add(const VirtqDescriptor& descriptor, VirtqChain& chain);

  GuestMemory& memory_;
  InterruptLine& line_;
  Place place_;  // checked; size 0: the queue is disabled
  bool allows_indirect_ = false;
  uint16_t next_available_ = 0;  // an index of the available ring, without a bound
  uint16_t next_used_ = 0;
  Counts counts_;
};

}  // namespace lguest

#endif  // DEVICES_VIRTIO_VIRTQUEUE_H_
