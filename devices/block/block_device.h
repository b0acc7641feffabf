// The block device.

#ifndef DEVICES_BLOCK_BLOCK_DEVICE_H_
#define DEVICES_BLOCK_BLOCK_DEVICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/block/block_backend.h"
#include "devices/bus/device.h"
#include "launcher/base/log.h"

namespace lguest {

// One disk. Its page holds the request; sending a DMA to the page's address, the device's only key,
// starts it. For a write the DMA holds the data; for a read the data goes to the reply buffer that
// the guest has bound to the key (ABI.md §4.20).
//
// The disk's last partial sector does not exist for the guest, nor do sectors beyond 2^32 - 1.
//
// A request that cannot be carried out (beyond the end, a length that the buffers do not have, a
// disk that fails or may not be written) has `result` 2 and moves nothing past the fault. A request
// that cannot be answered (no reply buffer, a type that is neither read nor write) ends the guest,
// with the disk as it was.
class BlockDevice final : public Device {
 public:
  // `label`: the disk's name for the user. `notice` hears of the first failure of the disk.
  BlockDevice(std::string label, std::unique_ptr<BlockBackend> disk, LogSink log = nullptr);

  // Makes what was written durable, for the protocol gives the guest no way to ask for it.
  ~BlockDevice() override;

  std::string name() const override;
  DeviceType type() const override { return DeviceType::kBlock; }
  uint16_t features() const override { return kDeviceFeatureRandomness; }
  uint16_t num_pages() const override { return 1; }
  absl::Status Attach(GuestMemory& memory, const DevicePlace& place) override;
  std::vector<DmaKey> output_keys() const override { return {key_}; }
  absl::StatusOr<std::optional<uint32_t>> Send(DmaKey key, const DmaChain& chain,
                                               DmaPort& port) override;

 private:
  // What a request comes to.
  struct Outcome {
    BlockResult result;
    uint32_t used;  // bytes of the reply buffer
  };

  Outcome Execute(const BlockPage& request, const DmaChain& sent, const DmaChain& reply);
  Outcome Read(const BlockPage& request, const DmaChain& reply);
  Outcome Write(const BlockPage& request, const DmaChain& sent);

  const std::string label_;
  const std::unique_ptr<BlockBackend> disk_;
  const uint32_t num_sectors_;
  LogOnce failure_log_;
  GuestMemory* memory_ = nullptr;  // once attached
  GuestPhys page_;
  DmaKey key_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_BLOCK_DEVICE_H_
