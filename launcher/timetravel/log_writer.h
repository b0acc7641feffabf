// Writes a recording.

#ifndef LAUNCHER_TIMETRAVEL_LOG_WRITER_H_
#define LAUNCHER_TIMETRAVEL_LOG_WRITER_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "launcher/timetravel/bytes.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_format.h"

namespace lguest::timetravel {

// Collects entries and writes them in pieces. After the first error of the file nothing more is
// written, and status() has that error.
class LogWriter {
 public:
  // Writes the prefix and the header.
  LogWriter(std::unique_ptr<LogFile> file, const LogHeader& header);

  // Counts never decrease from entry to entry.
  void Append(const LogEntry& entry);

  // Writes the collected entries as a piece, if there are any.
  void Flush();

  void WriteEnd(const LogEnd& end);

  // Where the next piece begins, after Flush().
  LogPosition position() const { return {.offset = size_, .base = base_}; }
  LogFile& file() { return *file_; }

  const absl::Status& status() const { return status_; }

 private:
  // When so many bytes are collected, they are written.
  static constexpr size_t kPieceSize = 65536;

  void Write(std::string_view bytes);

  const std::unique_ptr<LogFile> file_;
  EntryBase base_;
  uint64_t size_ = 0;  // of the file
  ByteWriter entries_;
  absl::Status status_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_LOG_WRITER_H_
