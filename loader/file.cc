#include "loader/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest::loader {
namespace {

// Maps `error` to one of the three codes of File::Open().
absl::Status OpenError(std::string_view name, int error) {
  const std::string message = absl::StrCat(name, ": ", strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

absl::Status CheckKind(std::string_view name, mode_t mode) {
  if (S_ISDIR(mode)) return OpenError(name, EISDIR);
  if (S_ISREG(mode) || S_ISFIFO(mode)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(name, ": not a regular file or a pipe"));
}

// read() for a pipe, pread() for a file: `offset` is ignored by a pipe.
ssize_t ReadSome(int fd, bool is_pipe, std::span<std::byte> to, uint64_t offset) {
  ssize_t len;
  do {
    len = is_pipe ? read(fd, to.data(), to.size())
                  : pread64(fd, to.data(), to.size(), static_cast<off64_t>(offset));
  } while (len < 0 && errno == EINTR);
  return len;
}

// Reads until `to` is full or the contents end. Returns the number of bytes; -1 with errno.
int64_t ReadUntilEnd(int fd, bool is_pipe, std::span<std::byte> to) {
  size_t done = 0;
  while (done < to.size()) {
    const ssize_t len = ReadSome(fd, is_pipe, to.subspan(done), done);
    if (len < 0) return -1;
    if (len == 0) break;
    done += static_cast<size_t>(len);
  }
  return static_cast<int64_t>(done);
}

}  // namespace

absl::StatusOr<File> File::Open(std::string_view path) {
  std::string name = absl::Utf8SafeCHexEscape(path);
  if (path.empty()) return absl::NotFoundError("the file name is empty");
  const std::string c_path(path);
  // The kind is checked first, because to open a device can have effects. O_LARGEFILE and stat64():
  // on i386, the layout refuses an initrd of more than 2 GB because of its size; open() would
  // return EOVERFLOW.
  struct stat64 info;
  if (stat64(c_path.c_str(), &info) != 0) return OpenError(name, errno);
  RETURN_IF_ERROR(CheckKind(name, info.st_mode));
  UniqueFd fd(open(c_path.c_str(), O_RDONLY | O_CLOEXEC | O_LARGEFILE));
  if (!fd.valid()) return OpenError(name, errno);
  File file(std::move(fd), std::move(name));
  if (fstat64(file.fd_.get(), &info) != 0) return OpenError(file.name(), errno);
  RETURN_IF_ERROR(CheckKind(file.name(), info.st_mode));
  file.size_ = static_cast<uint64_t>(info.st_size);
  if (S_ISFIFO(info.st_mode)) RETURN_IF_ERROR(file.ReadPipe());
  if (file.size_ == 0) {
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": the file is empty"));
  }
  return file;
}

absl::Status File::ReadPipe() {
  // One byte more than allowed, to see that there are more.
  ASSIGN_OR_RETURN(pipe_contents_, AnonymousMapping::Create(kLargestPipe + 1));
  const int64_t len = ReadUntilEnd(fd_.get(), /*is_pipe=*/true, pipe_contents_.bytes());
  if (len < 0) return OpenError(name_, errno);
  size_ = static_cast<uint64_t>(len);
  if (size_ <= kLargestPipe) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: the pipe has more than %u bytes: give a regular file", name_, kLargestPipe));
}

absl::Status File::Read(std::span<std::byte> to) const {
  if (!pipe_contents_.bytes().empty()) {
    const std::span<std::byte> contents = pipe_contents_.bytes().first(to.size());
    std::copy(contents.begin(), contents.end(), to.begin());
    return absl::OkStatus();
  }
  const int64_t len = ReadUntilEnd(fd_.get(), /*is_pipe=*/false, to);
  if (len < 0) return OpenError(name_, errno);
  if (static_cast<uint64_t>(len) == to.size()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrFormat("%s: the file had %u bytes and now has %u: it changed while it was read",
                      name_, to.size(), len));
}

absl::StatusOr<AnonymousMapping> File::ReadAll() const {
  if (size_ > std::numeric_limits<size_t>::max()) return OpenError(name_, EFBIG);
  absl::StatusOr<AnonymousMapping> contents = AnonymousMapping::Create(static_cast<size_t>(size_));
  if (!contents.ok()) {
    return absl::ResourceExhaustedError(absl::StrCat(name_, ": ", contents.status().message()));
  }
  RETURN_IF_ERROR(Read(contents->bytes()));
  return contents;
}

}  // namespace lguest::loader
