// Reads a recording.

#ifndef LAUNCHER_TIMETRAVEL_LOG_READER_H_
#define LAUNCHER_TIMETRAVEL_LOG_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/timetravel/log_entry.h"
#include "launcher/timetravel/log_file.h"
#include "launcher/timetravel/log_format.h"

namespace lguest::timetravel {

// Reads the entries in their order. The place in the recording is in memory: a process that is
// forked reads on independently.
class LogReader {
 public:
  // Reads the header. `name`: the file, for messages. DataLoss, with the offset, the field and both
  // values, for a file that is not a recording of this version.
  static absl::StatusOr<std::unique_ptr<LogReader>> Open(std::unique_ptr<LogFile> file,
                                                         std::string name);

  // Reads the entries from `position` on, of a file that was written by this program and is still
  // being written. `file` outlives the reader.
  LogReader(LogFile& file, const LogPosition& position);

  const LogHeader& header() const { return header_; }

  // The next entry; nullptr: there are no more. Stays valid until Next().
  const LogEntry* Peek() const { return entry_.has_value() ? &*entry_ : nullptr; }

  // Goes on to the next entry.
  void Next();

  // After the last entry: how the recorded run has ended. nullopt: the recorder was killed, or the
  // file is damaged behind the last entry, which status() says.
  const std::optional<LogEnd>& end() const { return end_; }

  // OK, or what is wrong with the file behind the last entry.
  const absl::Status& status() const { return status_; }

 private:
  LogReader(std::unique_ptr<LogFile> file, std::string name)
      : own_file_(std::move(file)), file_(*own_file_), name_(std::move(name)) {}

  absl::Status ReadHeader();

  struct Piece {
    PieceKind kind;
    std::string content;  // without the byte of the kind
  };
  // Reads the next piece. nullopt at the end of the file, also in the middle of a piece.
  absl::StatusOr<std::optional<Piece>> ReadPiece();
  absl::Status ReadNextPiece();
  absl::Status DecodeNext();

  // `error` with the name of the file, and the offset of the current piece.
  absl::Status At(const absl::Status& error) const;

  const std::unique_ptr<LogFile> own_file_;  // none: it is another's
  LogFile& file_;
  const std::string name_;
  LogHeader header_;
  uint64_t piece_offset_ = 0;  // of the current piece
  uint64_t next_offset_ = 0;   // of the next one
  std::string content_;        // of the current piece of entries
  ByteReader entries_{""};     // of content_
  EntryBase base_;
  std::optional<LogEntry> entry_;
  std::optional<LogEnd> end_;
  absl::Status status_;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_LOG_READER_H_
