// A virtio device with a guest for tests: memory, rings and an interrupt line.

#ifndef DEVICES_TESTING_VIRTIO_MACHINE_H_
#define DEVICES_TESTING_VIRTIO_MACHINE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devices/testing/fake_ring.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtqueue.h"
#include "gtest/gtest.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// Attaches `device`, and enables its queues.
class VirtioMachine {
 public:
  static constexpr uint32_t kMemory = 64 * kPageSize;
  static constexpr uint32_t kData = 0x10000;  // free

  explicit VirtioMachine(VirtioDevice& device) {
    for (uint32_t i = 0; i < device.queue_count(); ++i) {
      queues_.emplace_back(*memory_, line_);
      rings_.emplace_back(*memory_, 0x1000 + i * 0x3000);
      EXPECT_TRUE(queues_[i].Enable(rings_[i].place()).ok());
    }
    device.Attach(*memory_, queues_);
  }

  GuestMemory& memory() { return *memory_; }
  FakeRing& ring(size_t index) { return rings_[index]; }
  Virtqueue& queue(size_t index) { return queues_[index]; }
  int interrupts() const { return line_.raised; }

  void Put(uint32_t address, std::string_view bytes) {
    EXPECT_TRUE(memory_->WriteBytes(GuestPhys(address), std::as_bytes(std::span(bytes))).ok());
  }
  template <typename T>
  void PutObject(uint32_t address, const T& object) {
    EXPECT_TRUE(memory_->Write(GuestPhys(address), object).ok());
  }
  std::string Get(uint32_t address, uint32_t len) const {
    std::string bytes(len, '\0');
    EXPECT_TRUE(
        memory_->ReadBytes(GuestPhys(address), std::as_writable_bytes(std::span(bytes))).ok());
    return bytes;
  }

 private:
  std::unique_ptr<GuestMemory> memory_ = *GuestMemory::Create(kMemory);
  FakeLine line_;
  std::vector<Virtqueue> queues_;
  std::deque<FakeRing> rings_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_VIRTIO_MACHINE_H_
