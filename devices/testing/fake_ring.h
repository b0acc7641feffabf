// The guest's side of a virtqueue for tests.

#ifndef DEVICES_TESTING_FAKE_RING_H_
#define DEVICES_TESTING_FAKE_RING_H_

#include <cstdint>
#include <vector>

#include "devices/virtio/virtqueue.h"
#include "gtest/gtest.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"
#include "launcher/guest/virtio_abi.h"

namespace lguest {

// A ring of kSize entries, three pages long, at an address of the test's choice.
class FakeRing {
 public:
  static constexpr uint16_t kSize = 16;

  FakeRing(GuestMemory& memory, uint32_t address) : memory_(memory), address_(address) {}

  Virtqueue::Place place() const {
    return {.size = kSize,
            .descriptors = GuestPhys(address_),
            .available = GuestPhys(address_ + kPageSize),
            .used = GuestPhys(address_ + 2 * kPageSize)};
  }

  struct Piece {
    uint32_t address;
    uint32_t length;
    bool is_writable;
  };

  // Makes a chain of these pieces available; they use the next free descriptors. Returns its head.
  uint16_t Add(const std::vector<Piece>& pieces) {
    const uint16_t head = next_descriptor_;
    for (size_t i = 0; i < pieces.size(); ++i) {
      const bool is_last = i + 1 == pieces.size();
      const auto flags = static_cast<uint16_t>((pieces[i].is_writable ? kVirtqWrite : 0) |
                                               (is_last ? 0 : kVirtqNext));
      const uint16_t at = next_descriptor_;
      next_descriptor_ = static_cast<uint16_t>((next_descriptor_ + 1) % kSize);
      Descriptor(at, {.address = pieces[i].address,
                      .length = pieces[i].length,
                      .flags = flags,
                      .next = next_descriptor_});
    }
    MakeAvailable(head);
    return head;
  }

  // For rings that break rules.
  void Descriptor(uint32_t index, const VirtqDescriptor& descriptor) {
    Write(address_ + index * uint32_t{sizeof(VirtqDescriptor)}, descriptor);
  }
  void MakeAvailable(uint16_t head) {
    Write(available(kVirtqRingEntries + available_ % kSize * 2), head);
    SetAvailableIndex(++available_);
  }
  void SetAvailableIndex(uint16_t index) { Write(available(kVirtqRingIndex), index); }
  void SetFlags(uint16_t flags) { Write(available(0), flags); }

  // The used ring.
  uint16_t used_index() const { return *memory_.Read<uint16_t>(GuestPhys(used(kVirtqRingIndex))); }
  VirtqUsed used_entry(uint32_t index) const {
    return *memory_.Read<VirtqUsed>(GuestPhys(used(kVirtqRingEntries + index % kSize * 8)));
  }

 private:
  uint32_t available(uint32_t offset) const { return address_ + kPageSize + offset; }
  uint32_t used(uint32_t offset) const { return address_ + 2 * kPageSize + offset; }
  template <typename T>
  void Write(uint32_t address, const T& value) {
    EXPECT_TRUE(memory_.Write(GuestPhys(address), value).ok());
  }

  GuestMemory& memory_;
  const uint32_t address_;
  uint16_t next_descriptor_ = 0;
  uint16_t available_ = 0;
};

// Counts interrupts.
class FakeLine final : public InterruptLine {
 public:
  absl::Status Raise() override {
    ++raised;
    return absl::OkStatus();
  }

  int raised = 0;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAKE_RING_H_
