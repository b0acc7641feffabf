// A BlockBackend in memory, for tests.

#ifndef DEVICES_TESTING_MEMORY_BLOCK_BACKEND_H_
#define DEVICES_TESTING_MEMORY_BLOCK_BACKEND_H_

#include <sys/uio.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "devices/block/block_backend.h"

namespace lguest {

// The test owns the bytes. OutOfRange for a transfer beyond the end, which a device must never
// request.
class MemoryBlockBackend final : public BlockBackend {
 public:
  explicit MemoryBlockBackend(std::string& bytes) : bytes_(bytes) {}

  uint64_t size() const override { return bytes_.size(); }

  absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) override {
    for (const iovec& piece : pieces) {
      if (offset + piece.iov_len > bytes_.size()) return absl::OutOfRangeError("beyond the end");
      std::memcpy(piece.iov_base, bytes_.data() + offset, piece.iov_len);
      offset += piece.iov_len;
    }
    return absl::OkStatus();
  }

  absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) override {
    for (const iovec& piece : pieces) {
      if (offset + piece.iov_len > bytes_.size()) return absl::OutOfRangeError("beyond the end");
      std::memcpy(bytes_.data() + offset, piece.iov_base, piece.iov_len);
      offset += piece.iov_len;
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override { return absl::OkStatus(); }

 private:
  std::string& bytes_;
};

}  // namespace lguest

#endif  // DEVICES_TESTING_MEMORY_BLOCK_BACKEND_H_
