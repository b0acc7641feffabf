#include "devices/block/file_block_backend.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/block/image_format.h"
#include "devices/bus/io_vector.h"
#include "launcher/base/file_lock.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

absl::StatusOr<uint64_t> SizeOf(int fd, const std::string& path) {
  struct stat64 file;
  if (fstat64(fd, &file) != 0) return ErrnoStatus("examining ", path);
  if (S_ISREG(file.st_mode)) return static_cast<uint64_t>(file.st_size);
  if (S_ISBLK(file.st_mode)) {
    uint64_t size = 0;
    if (ioctl(fd, BLKGETSIZE64, &size) == 0) return size;
    return ErrnoStatus("getting the size of ", path);
  }
  return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file or block device"));
}

// False if another program has replaced the file between two calls of open().
bool IsSameFile(int fd, int other_fd) {
  struct stat64 file;
  struct stat64 other;
  return fstat64(fd, &file) == 0 && fstat64(other_fd, &other) == 0 && file.st_dev == other.st_dev &&
         file.st_ino == other.st_ino;
}

// Refuses what would be destroyed by the guest's first write, and what is no disk at all.
absl::Status CheckContents(int fd, const BlockSpec& spec, uint64_t size) {
  if (size < kSectorSize) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s has %u bytes: a disk needs one sector of %u bytes", spec.path, size, kSectorSize));
  }
  std::array<std::byte, kImageFormatBytes> start = {};
  const ssize_t len = pread64(fd, start.data(), start.size(), 0);
  if (len < 0) return ErrnoStatus("reading ", spec.path);
  const char* const format =
      spec.is_raw ? nullptr : ImageFormatName(std::span(start).first(static_cast<size_t>(len)));
  if (format == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s is a disk image of format %s: convert it (qemu-img convert -O raw %s NEW), or use its "
      "bytes as they are with ',format=raw'",
      spec.path, format, spec.path));
}

absl::Status LockDisk(int fd, const BlockSpec& spec, const LogSink& log) {
  const absl::StatusOr<bool> locked =
      LockFile(fd, spec.read_only ? FileLock::kShared : FileLock::kExclusive, {});
  if (absl::IsUnimplemented(locked.status())) {
    if (log) {
      log(absl::StrCat(spec.path, ": ", locked.status().message(),
                       ", so nothing keeps another guest from using this disk, too (',lock=off' "
                       "omits this notice)"));
    }
    return absl::OkStatus();
  }
  if (!locked.ok()) {
    return absl::Status(locked.status().code(),
                        absl::StrCat(locked.status().message(), " (", spec.path, ")"));
  }
  if (*locked) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(spec.path, " is in use by another guest",
                   spec.read_only ? ", which writes to it" : " (',readonly' disks can be shared)"));
}

// Uses preadv() or pwritev(); before Linux 2.6.30, which lacks them, lseek() and readv() or
// writev(). Open() opened the file, so no other process shares its position.
template <auto kAtOffset, auto kAtPosition>
ssize_t TransferAtOffset(int fd, const iovec* pieces, int count, off64_t offset,
                         off64_t& position) {
  static std::atomic<bool> is_missing = false;  // in this kernel
  if (!is_missing) {
    const ssize_t len = kAtOffset(fd, pieces, count, offset);
    if (len >= 0 || errno != ENOSYS) return len;
    is_missing = true;
  }
  if (position != offset && lseek64(fd, offset, SEEK_SET) < 0) return -1;
  const ssize_t len = kAtPosition(fd, pieces, count);
  position = len < 0 ? -1 : offset + len;
  return len;
}

// preadv(), by the call that also reads the console and packets (see vector_io.h).
ssize_t ReadAtOffset(int fd, const iovec* pieces, int count, off64_t offset) {
  return preadv64v2(fd, pieces, count, offset, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockBackend>> FileBlockBackend::Open(const BlockSpec& spec,
                                                                     LogSink log) {
  // O_NONBLOCK: without it, open() of a FIFO would block.
  const int flags =
      (spec.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_LARGEFILE | O_NONBLOCK | O_NOCTTY;
  UniqueFd fd(open(spec.path.c_str(), flags));
  if (!fd.valid()) {
    const bool may_be_readable =
        !spec.read_only && (errno == EACCES || errno == EROFS || errno == EPERM);
    return ErrnoStatus("opening ", spec.path,
                       may_be_readable ? " for reading and writing (',readonly' reads only)" : "");
  }
  ASSIGN_OR_RETURN(const uint64_t size, SizeOf(fd.get(), spec.path));

  RETURN_IF_ERROR(CheckContents(fd.get(), spec, size));

  if (spec.wants_lock) RETURN_IF_ERROR(LockDisk(fd.get(), spec, log));
  // Not make_unique: the constructor is private.
  std::unique_ptr<FileBlockBackend> disk(
      new FileBlockBackend(std::move(fd), spec.path, size, std::move(log)));
  disk->TryDirect(flags);
  if (!spec.read_only) return disk;
  return std::make_unique<ReadOnlyBlock>(std::move(disk));
}

FileBlockBackend::FileBlockBackend(UniqueFd fd, std::string path, uint64_t size, LogSink log)
    : fd_(std::move(fd)), path_(std::move(path)), size_(size), buffered_log_(std::move(log)) {}

void FileBlockBackend::TryDirect(int flags) {
  direct_fd_ = UniqueFd(open(path_.c_str(), flags | O_DIRECT));
  direct_ = direct_fd_.valid() && IsSameFile(fd_.get(), direct_fd_.get());
  if (!direct_) {
    buffered_log_.Log(absl::StrCat(
        path_, ": the file system does not support direct I/O, so the host caches the disk too"));
  }
}

absl::Status FileBlockBackend::ReadAt(uint64_t offset, std::span<const iovec> pieces) {
  return TransferAll(TransferAtOffset<ReadAtOffset, readv>, "reading", offset, pieces);
}

absl::Status FileBlockBackend::WriteAt(uint64_t offset, std::span<const iovec> pieces) {
  return TransferAll(TransferAtOffset<pwritev64, writev>, "writing", offset, pieces);
}

absl::Status FileBlockBackend::TransferAll(TransferCall transfer, const char* verb, uint64_t offset,
                                           std::span<const iovec> pieces) {
  IoVector rest(pieces);
  // A guest's request is a list of pages, most of them adjacent. The kernel pins the pages of each
  // piece separately, which is a large part of the cost of direct I/O.
  rest.MergeAdjacent();
  while (!rest.empty()) {
    const ssize_t len = transfer(direct_ ? direct_fd_.get() : fd_.get(), rest.data(), rest.count(),
                                 static_cast<off64_t>(offset), position_);
    if (len > 0) {
      rest.Consume(static_cast<size_t>(len));
      offset += static_cast<uint64_t>(len);
    } else if (len == 0) {
      return absl::DataLossError(
          absl::StrFormat("%s %s at byte %u: the file was truncated", verb, path_, offset));
    } else if (direct_ && (errno == EINVAL || errno == EOPNOTSUPP)) {
      // Memory, offset or length are not aligned for direct I/O of this disk.
      direct_ = false;
      position_ = -1;
      buffered_log_.Log(absl::StrCat(
          path_,
          ": a request was not aligned for direct I/O, so the host caches the disk from now on"));
    } else if (errno != EINTR) {
      return ErrnoStatusF("%s %s at byte %u", verb, path_, offset);
    }
  }
  return absl::OkStatus();
}

absl::Status FileBlockBackend::Sync() {
  if (fdatasync(fd_.get()) == 0) return absl::OkStatus();
  return ErrnoStatus("syncing ", path_);
}

}  // namespace lguest
