#include "launcher/timetravel/log_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"

namespace lguest::timetravel {

absl::StatusOr<std::unique_ptr<DiskLogFile>> DiskLogFile::Create(const std::string& path) {
  UniqueFd file(
      open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file.valid()) return ErrnoStatus(path);
  return std::unique_ptr<DiskLogFile>(new DiskLogFile(std::move(file)));
}

absl::StatusOr<std::unique_ptr<DiskLogFile>> DiskLogFile::CreateTemporary() {
  UniqueFd file(memfd_create("lguest recording", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus("memory for a recording");
  return std::unique_ptr<DiskLogFile>(new DiskLogFile(std::move(file)));
}

absl::StatusOr<std::unique_ptr<DiskLogFile>> DiskLogFile::Open(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return ErrnoStatus(path);
  return std::unique_ptr<DiskLogFile>(new DiskLogFile(std::move(file)));
}

absl::Status DiskLogFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = WriteBytes(file_.get(), bytes.data(), bytes.size());
    if (written < 0) return ErrnoStatus("writing the recording");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> DiskLogFile::ReadAt(uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const iovec rest = {.iov_base = bytes.data() + done, .iov_len = size - done};
    // The form of pread() that the sandbox has.
    const ssize_t len = preadv64v2(file_.get(), &rest, 1, static_cast<off64_t>(offset + done), 0);
    if (len < 0) return ErrnoStatus("reading the recording");
    if (len == 0) break;
    done += static_cast<size_t>(len);
  }
  bytes.resize(done);
  return bytes;
}

absl::Status MemoryLogFile::Append(std::string_view bytes) {
  bytes_.append(bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::string> MemoryLogFile::ReadAt(uint64_t offset, size_t size) {
  if (offset >= bytes_.size()) return "";
  return bytes_.substr(static_cast<size_t>(offset), size);
}

}  // namespace lguest::timetravel
