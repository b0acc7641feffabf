// The block device.

#ifndef DEVICES_BLOCK_BLOCK_DEVICE_H_
#define DEVICES_BLOCK_BLOCK_DEVICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/block/block_backend.h"
#include "devices/block/disk.h"
#include "devices/bus/device.h"
#include "launcher/base/log.h"

namespace lguest {

// One disk (ABI.md §4.20). The guest writes a request to the device's page and starts it with a DMA
// to the page's address, the only key of the device. For a write the DMA holds the data. For a read
// the data goes to the reply buffer that the guest has bound to the key.
//
// The guest does not see a partial sector at the end of the disk or sectors beyond 2^32 - 1.
//
// A request that fails (beyond the end, a length that differs from the buffers, an I/O error, a
// write to a read-only disk) gets `result` 2 and transfers nothing past the fault. A request that
// cannot be answered (no reply buffer, a type other than read and write) ends the guest and leaves
// the disk unchanged.
class BlockDevice final : public Device {
 public:
  // `label`: the disk's name in messages. `log` receives only the first failure of the disk.
  BlockDevice(std::string label, std::unique_ptr<BlockBackend> disk, const LogSink& log = nullptr);

  // Syncs the disk, because the protocol gives the guest no flush request.
  ~BlockDevice() override;

  std::string name() const override { return disk_.name(); }
  DeviceType type() const override { return DeviceType::kBlock; }
  uint16_t features() const override { return kDeviceFeatureRandomness; }
  uint16_t num_pages() const override { return 1; }
  absl::Status Attach(GuestMemory& memory, const DevicePlace& place) override;
  std::vector<DmaKey> output_keys() const override { return {key_}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                               DmaPort& port) override;

 private:
  // The result of a request.
  struct Outcome {
    BlockResult result;
    uint32_t used;  // bytes written to the reply buffer
  };

  Outcome Execute(const BlockPage& request, const DmaChain& sent, const DmaChain& reply);

  Disk disk_;
  GuestMemory* memory_ = nullptr;  // once attached
  GuestPhys page_;
  DmaKey key_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_BLOCK_DEVICE_H_
