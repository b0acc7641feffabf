#include "loader/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lguest::loader {
namespace {

// Maps `error` to one of the three codes of File::Open().
absl::Status OpenError(std::string_view name, int error) {
  const std::string message = absl::StrCat(name, ": ", strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

}  // namespace

FileView::FileView(FileView&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

FileView& FileView::operator=(FileView&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

FileView::~FileView() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

absl::StatusOr<File> File::Open(std::string_view path) {
  std::string name = absl::Utf8SafeCHexEscape(path);
  if (path.empty()) return absl::NotFoundError("the file name is empty");
  // O_NONBLOCK: without it, open() of a FIFO would block. O_LARGEFILE and fstat64(): on i386, the
  // layout refuses an initrd of more than 2 GB because of its size; open() would return EOVERFLOW.
  UniqueFd fd(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE));
  if (!fd.valid()) return OpenError(name, errno);
  File file(std::move(fd), std::move(name));
  struct stat64 info;
  if (fstat64(file.fd(), &info) != 0) return OpenError(file.name(), errno);
  if (S_ISDIR(info.st_mode)) return OpenError(file.name(), EISDIR);
  if (!S_ISREG(info.st_mode)) {
    return absl::UnavailableError(absl::StrCat(file.name(), ": not a regular file"));
  }
  if (info.st_size == 0) {
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": the file is empty"));
  }
  file.size_ = static_cast<uint64_t>(info.st_size);
  return file;
}

absl::StatusOr<FileView> File::Map() const {
  if (size_ > std::numeric_limits<size_t>::max()) return OpenError(name_, EFBIG);
  const size_t len = static_cast<size_t>(size_);
  void* const map = mmap(nullptr, len, PROT_READ, MAP_PRIVATE, fd(), 0);
  if (map == MAP_FAILED) return OpenError(name_, errno);
  return FileView(std::span(static_cast<const std::byte*>(map), len));
}

}  // namespace lguest::loader
