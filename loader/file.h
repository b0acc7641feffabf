// Reads the files that the user names.

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
#include "launcher/base/anonymous_mapping.h"
#include "launcher/base/unique_fd.h"

namespace lguest::loader {

// The contents of a regular file or a pipe, at least one byte.
//
// Contents are copied, never mapped: a mapping shows what other programs do to the file later, and
// its pages end in SIGBUS if the file is truncated. A guest must not depend on that.
class File {
 public:
  // The most bytes that a pipe may have.
  static constexpr uint64_t kLargestPipe = uint64_t{256} << 20;

  // Opens a file. Reads a pipe to its end; waits for the first writer of a named one. NotFound,
  // PermissionDenied or Unavailable when `path` cannot be opened or read or is something else;
  // InvalidArgument when there are no bytes or too many in a pipe.
  static absl::StatusOr<File> Open(std::string_view path);

  // Copies all bytes to `to`, which has size() bytes. Unavailable when reading fails, or when the
  // file has become shorter since it was opened.
  absl::Status Read(std::span<std::byte> to) const;

  // The same to memory of its own. ResourceExhausted when there is too little.
  absl::StatusOr<AnonymousMapping> ReadAll() const;

  uint64_t size() const { return size_; }

  // The path, escaped for a message of one line.
  const std::string& name() const { return name_; }

 private:
  File(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  absl::Status ReadPipe();

  UniqueFd fd_;
  std::string name_;
  uint64_t size_ = 0;
  AnonymousMapping pipe_contents_;  // empty for a regular file
};

}  // namespace lguest::loader

#endif  // LOADER_FILE_H_
