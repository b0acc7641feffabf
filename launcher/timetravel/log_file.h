// Where a recording is kept: a file or memory.

#ifndef LAUNCHER_TIMETRAVEL_LOG_FILE_H_
#define LAUNCHER_TIMETRAVEL_LOG_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest::timetravel {

class LogFile {
 public:
  virtual ~LogFile() = default;

  virtual absl::Status Append(std::string_view bytes) = 0;

  // `size` bytes at `offset`, or as many as there are.
  virtual absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) = 0;
};

// A file of the user's.
class DiskLogFile final : public LogFile {
 public:
  // Creates `path`, or empties it. It can be read, too.
  static absl::StatusOr<std::unique_ptr<DiskLogFile>> Create(const std::string& path);
  // A file without a name, in memory.
  static absl::StatusOr<std::unique_ptr<DiskLogFile>> CreateTemporary();
  // Opens `path` to be read.
  static absl::StatusOr<std::unique_ptr<DiskLogFile>> Open(const std::string& path);

  absl::Status Append(std::string_view bytes) override;
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) override;

 private:
  explicit DiskLogFile(UniqueFd file) : file_(std::move(file)) {}

  const UniqueFd file_;
};

class MemoryLogFile final : public LogFile {
 public:
  absl::Status Append(std::string_view bytes) override;
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) override;

  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_LOG_FILE_H_
