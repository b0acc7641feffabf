// Files that the user names: opened, checked to be files at all, and seen as bytes.

#ifndef LOADER_FILE_H_
#define LOADER_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest::loader {

// The bytes of a file, mapped read-only and unmapped with this object. Shortening the file in the
// meantime kills whoever looks at what is gone (SIGBUS), as it would kill the guest.
class FileView {
 public:
  FileView(FileView&& other) noexcept;
  FileView& operator=(FileView&& other) noexcept;
  ~FileView();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  friend class File;
  explicit FileView(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// A regular file, not empty, open for reading and closed with this object.
class File {
 public:
  // NotFound, PermissionDenied or Unavailable when `path` cannot be opened or is no regular file;
  // InvalidArgument when it is empty.
  static absl::StatusOr<File> Open(std::string_view path);

  // All of it. Unavailable when it cannot be mapped.
  absl::StatusOr<FileView> Map() const;

  int fd() const { return fd_.get(); }
  uint64_t size() const { return size_; }

  // Its path, fit for a message of one line.
  const std::string& name() const { return name_; }

 private:
  File(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  UniqueFd fd_;
  uint64_t size_ = 0;
  std::string name_;
};

}  // namespace lguest::loader

#endif  // LOADER_FILE_H_
