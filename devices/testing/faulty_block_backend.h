// A BlockBackend that injects faults, for tests.

#ifndef DEVICES_TESTING_FAULTY_BLOCK_BACKEND_H_
#define DEVICES_TESTING_FAULTY_BLOCK_BACKEND_H_

#include <sys/uio.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "devices/block/block_backend.h"

namespace lguest {

// The faults to inject. Owned by the test, which may change them at any time.
struct BlockFaults {
  static constexpr uint64_t kNoFault = std::numeric_limits<uint64_t>::max();

  uint64_t bad_byte = kNoFault;  // a transfer of this byte fails there
  absl::Status sync;             // Sync() returns it
  int transfers = 0;             // calls of ReadAt() and WriteAt()
  int syncs = 0;                 // calls of Sync()
};

// Forwards to another backend, up to the fault.
class FaultyBlockBackend final : public BlockBackend {
 public:
  FaultyBlockBackend(std::unique_ptr<BlockBackend> disk, BlockFaults& faults)
      : disk_(std::move(disk)), faults_(faults) {}

  uint64_t size() const override { return disk_->size(); }

  absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) override {
    return TransferUpToFault(&BlockBackend::ReadAt, offset, pieces);
  }
  absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) override {
    return TransferUpToFault(&BlockBackend::WriteAt, offset, pieces);
  }
  absl::Status Sync() override {
    ++faults_.syncs;
    return faults_.sync;
  }

 private:
  using Transfer = absl::Status (BlockBackend::*)(uint64_t, std::span<const iovec>);

  absl::Status TransferUpToFault(Transfer transfer, uint64_t offset,
                                 std::span<const iovec> pieces) {
    ++faults_.transfers;
    if (faults_.bad_byte < offset) return (disk_.get()->*transfer)(offset, pieces);
    // The bytes before the bad byte are transferred; the last piece may be truncated.
    uint64_t left = faults_.bad_byte - offset;
    std::vector<iovec> good;
    for (iovec piece : pieces) {
      const bool reaches_fault = piece.iov_len > left;
      if (reaches_fault) piece.iov_len = static_cast<size_t>(left);
      if (piece.iov_len != 0) good.push_back(piece);
      left -= piece.iov_len;
      if (!reaches_fault) continue;
      absl::Status transferred = (disk_.get()->*transfer)(offset, good);
      return transferred.ok() ? absl::DataLossError("Input/output error") : transferred;
    }
    return (disk_.get()->*transfer)(offset, pieces);
  }

  const std::unique_ptr<BlockBackend> disk_;
  BlockFaults& faults_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_FAULTY_BLOCK_BACKEND_H_
