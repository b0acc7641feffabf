// A BlockBackend on a regular file or a block device.

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

// A regular file or a block device. This class never creates the file or changes its size.
//
// I/O bypasses the host's page cache (O_DIRECT), because the guest has its own. When the file
// system or the alignment of a request does not allow that, the cache is used from then on, and
// this is logged once. There is one descriptor for each of the two ways, both opened at the start.
class FileBlockBackend final : public BlockBackend {
 public:
  // Opens and locks the file: exclusively, or shared for a read-only disk, so that no other guest
  // writes to it. Messages name the file and the cause. FailedPrecondition when it is in use.
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

  // Opens `direct_fd_` if the file system has direct I/O. `flags`: of open().
  void TryDirect(int flags);
  absl::Status TransferAll(TransferCall transfer, const char* verb, uint64_t offset,
                           std::span<const iovec> pieces);

  const UniqueFd fd_;   // uses the page cache, and holds the lock
  UniqueFd direct_fd_;  // of the same file; none: the file system has no direct I/O
  const std::string path_;
  const uint64_t size_;
  bool direct_ = false;   // use `direct_fd_`
  off64_t position_ = 0;  // file position, used before Linux 2.6.30; -1: unknown
  LogOnce buffered_log_;
};

}  // namespace lguest

#endif  // DEVICES_BLOCK_FILE_BLOCK_BACKEND_H_
