// The source of random numbers of guests from Linux 2.6.27 on.

#ifndef DEVICES_RNG_VIRTIO_RNG_H_
#define DEVICES_RNG_VIRTIO_RNG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "devices/rng/random_source.h"
#include "devices/virtio/virtio_device.h"

namespace lguest {

// Fills the guest's buffers with random bytes (VIRTIO_ABI.md §8.4).
class VirtioRng final : public VirtioDevice {
 public:
  explicit VirtioRng(std::unique_ptr<RandomSource> source) : source_(std::move(source)) {}

  std::string name() const override { return "rng"; }
  VirtioType type() const override { return VirtioType::kRng; }
  uint32_t queue_count() const override { return 1; }
  void Attach(GuestMemory& memory, std::span<Virtqueue> queues) override;
  absl::Status Notify(uint32_t index) override;

 private:
  // Fills the start of the chain. Returns the number of bytes.
  uint32_t Fill();

  const std::unique_ptr<RandomSource> source_;
  GuestMemory* memory_ = nullptr;  // once attached
  Virtqueue* queue_ = nullptr;     // likewise
  VirtqChain chain_;
};

}  // namespace lguest

#endif  // DEVICES_RNG_VIRTIO_RNG_H_
