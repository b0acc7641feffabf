#include "loader/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lguest::loader {
namespace {

// An error whose code says "cannot be opened", whatever the system's reason was.
absl::Status CannotOpen(absl::string_view name, int error) {
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

absl::StatusOr<File> File::Open(absl::string_view path) {
  std::string name = absl::Utf8SafeCHexEscape(path);
  if (path.empty()) return absl::NotFoundError("a file without a name cannot be opened");
  // O_NONBLOCK: a pipe is to be refused, not waited for. O_LARGEFILE and fstat64(): on i386, too,
  // an initrd of more than 2 GB is to be refused for its size, not for what the system calls that.
  const int fd = open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE);
  if (fd < 0) return CannotOpen(name, errno);
  File file(fd, std::move(name));
  struct stat64 facts;
  if (fstat64(fd, &facts) != 0) return CannotOpen(file.name(), errno);
  if (S_ISDIR(facts.st_mode)) return CannotOpen(file.name(), EISDIR);
  if (!S_ISREG(facts.st_mode)) {
    return absl::UnavailableError(absl::StrCat(file.name(), ": not a regular file"));
  }
  if (facts.st_size == 0) {
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": the file is empty"));
  }
  file.size_ = static_cast<uint64_t>(facts.st_size);
  return file;
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), name_(std::move(other.name_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(name_, other.name_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<FileView> File::Map() const {
  if (size_ > std::numeric_limits<size_t>::max()) return CannotOpen(name_, EFBIG);
  const size_t len = static_cast<size_t>(size_);
  void* const map = mmap(nullptr, len, PROT_READ, MAP_PRIVATE, fd_, 0);
  if (map == MAP_FAILED) return CannotOpen(name_, errno);
  return FileView(std::span(static_cast<const std::byte*>(map), len));
}

}  // namespace lguest::loader
