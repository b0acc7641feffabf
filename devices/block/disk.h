// What the block devices of all generations have in common: a disk as a guest sees it.

#ifndef DEVICES_BLOCK_DISK_H_
#define DEVICES_BLOCK_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "devices/block/block_backend.h"
#include "devices/bus/dma_chain.h"
#include "launcher/base/log.h"
#include "launcher/guest/guest_memory.h"

namespace lguest {

// A backend with the bounds that its guest knows. Reports only the first failure to the log.
class Disk {
 public:
  // `label`: the disk's name in messages. The guest sees whole sectors only, and at most
  // `most_sectors` of them; `log` gets a line if that hides a part of the disk.
  Disk(std::string label, std::unique_ptr<BlockBackend> backend, uint64_t most_sectors,
       const LogSink& log);

  std::string name() const;
  uint64_t sectors() const { return sectors_; }
  bool is_read_only() const { return backend_->is_read_only(); }

  // Transfers all bytes of `chain` from or to `sector`, which the guest has chosen. False if the
  // range is not on the disk or the transfer fails. After a Read() that fails, a part of the chain
  // may have been written. The caller calls chain.NotifyWritten() after a success.
  bool Read(GuestMemory& memory, uint64_t sector, const DmaChain& chain);
  bool Write(uint64_t sector, const DmaChain& chain);

  // Returns when all completed writes are durable; false if that fails.
  bool Sync();

 private:
  bool Contains(uint64_t sector, uint32_t bytes) const;
  bool Check(const absl::Status& status, const char* end_of_message);

  const std::string label_;
  const std::unique_ptr<BlockBackend> backend_;
  const uint64_t sectors_;
  LogOnce failure_log_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_DISK_H_
