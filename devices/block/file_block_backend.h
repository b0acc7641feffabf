// A disk in a file, or a real one.

#ifndef DEVICES_BLOCK_FILE_BLOCK_BACKEND_H_
#define DEVICES_BLOCK_FILE_BLOCK_BACKEND_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/block/block_backend.h"
#include "devices/block/block_spec.h"
#include "launcher/base/log.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

// A regular file or a block device. Never grows, shrinks or is created here.
//
// The host's page cache is bypassed (O_DIRECT), for the guest has its own; where the file system or
// the guest's alignment does not allow that, it is used from then on, with one notice.
class FileBlockBackend final : public BlockBackend {
 public:
  // Opens and locks: exclusively, or shared for a read-only disk, so that no disk changes under a
  // guest. Messages name the file and the cause; FailedPrecondition when it is in use.
  static absl::StatusOr<std::unique_ptr<BlockBackend>> Open(const BlockSpec& spec,
                                                            LogSink log = nullptr);

  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, std::span<const iovec> pieces) override;
  absl::Status WriteAt(uint64_t offset, std::span<const iovec> pieces) override;
  absl::Status Sync() override;

 private:
  using TransferCall = ssize_t (*)(int fd, const iovec* pieces, int count, off64_t offset,
                                   off64_t& position);

  FileBlockBackend(UniqueFd fd, std::string path, uint64_t size, LogSink log);

  void TryDirect();
  absl::Status TransferAll(TransferCall transfer, const char* verb, uint64_t offset,
                           std::span<const iovec> pieces);

  const UniqueFd fd_;
  const std::string path_;
  const uint64_t size_;
  bool direct_ = false;
  off64_t position_ = 0;  // of the open file; -1: unknown
  LogOnce buffered_log_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_FILE_BLOCK_BACKEND_H_
