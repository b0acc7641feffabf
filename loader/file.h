// Opens and maps the files that the user names.

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

// The bytes of a file, mapped read-only and unmapped on destruction. If another process truncates
// the file, an access beyond its new end raises SIGBUS.
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

// A non-empty regular file, open for reading and closed on destruction.
class File {
 public:
  // NotFound, PermissionDenied or Unavailable when `path` cannot be opened or is not a regular
  // file; InvalidArgument when the file is empty.
  static absl::StatusOr<File> Open(std::string_view path);

  // Maps the whole file. NotFound, PermissionDenied or Unavailable on an error.
  absl::StatusOr<FileView> Map() const;

  int fd() const { return fd_.get(); }
  uint64_t size() const { return size_; }

  // The path, escaped for a message of one line.
  const std::string& name() const { return name_; }

 private:
  File(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  UniqueFd fd_;
  uint64_t size_ = 0;
  std::string name_;
};

}  // namespace lguest::loader

#endif  // LOADER_FILE_H_
