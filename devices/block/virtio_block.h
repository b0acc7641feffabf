// The disk of guests from Linux 2.6.24 on.

#ifndef DEVICES_BLOCK_VIRTIO_BLOCK_H_
#define DEVICES_BLOCK_VIRTIO_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "devices/block/block_backend.h"
#include "devices/block/disk.h"
#include "devices/virtio/virtio_device.h"
#include "launcher/base/log.h"

namespace lguest {

// One disk (VIRTIO_ABI.md §8.2). A request that fails (beyond the end, an I/O error, a write to a
// read-only disk) gets status 1; a request that cannot be answered ends the guest.
class VirtioBlock final : public VirtioDevice {
 public:
  // `label`: the disk's name in messages. `header_size`: of GuestAbi. `log` receives only the first
  // failure of the disk.
  VirtioBlock(std::string label, std::unique_ptr<BlockBackend> backend, uint32_t header_size,
              const LogSink& log = nullptr);

  // Syncs the disk, because not every generation flushes it.
  ~VirtioBlock() override { disk_.Sync(); }

  std::string name() const override { return disk_.name(); }
  VirtioType type() const override { return VirtioType::kBlock; }
  uint32_t queue_count() const override { return 1; }
  uint64_t features() const override;
  std::vector<std::byte> config() const override;
  void Attach(GuestMemory& memory, std::span<Virtqueue> queues) override;
  absl::Status Notify(uint32_t index) override;

 private:
  // Executes the request in `chain_`. Returns how many bytes were written to it.
  absl::StatusOr<uint32_t> Execute();
  VirtioBlockStatus Transfer(const VirtioBlockHeader& header);

  Disk disk_;
  const uint32_t header_size_;
  GuestMemory* memory_ = nullptr;  // once attached
  Virtqueue* queue_ = nullptr;     // likewise
  VirtqChain chain_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_VIRTIO_BLOCK_H_
