// The storage of a block device.

#ifndef DEVICES_BLOCK_BLOCK_BACKEND_H_
#define DEVICES_BLOCK_BLOCK_BACKEND_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"

namespace lguest {

class BlockBackend {
 public:
  virtual ~BlockBackend() = default;

  virtual uint64_t size() const = 0;  // bytes; does not change

  // Transfers all bytes of `pieces` (at most kMaxChainPieces, none empty) from or to byte `offset`.
  // The caller has checked that they lie below size(). On an error a part may have been
  // transferred.
  virtual absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) = 0;
  virtual absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) = 0;

  // Returns when all completed writes are durable.
  virtual absl::Status Sync() = 0;

  // True if every write is refused.
  virtual bool is_read_only() const { return false; }
};

// Forwards reads and refuses writes with PermissionDenied.
class ReadOnlyBlock final : public BlockBackend {
 public:
  explicit ReadOnlyBlock(std::unique_ptr<BlockBackend> disk) : disk_(std::move(disk)) {}

  uint64_t size() const override { return disk_->size(); }
  absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) override {
    return disk_->ReadAt(offset, pieces);
  }
  absl::Status WriteAt(uint64_t /*offset*/, std::span<const iovec> /*pieces*/) override {
    return absl::PermissionDeniedError("the disk is read-only");
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  bool is_read_only() const override { return true; }

 private:
  const std::unique_ptr<BlockBackend> disk_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_BLOCK_BACKEND_H_
