// The format of a recording.
//
// A file starts with kMagic and the version of the format. Pieces follow. Each has 4 bytes for the
// size of its content, 4 for the CRC-32 of the content, and the content, whose first byte is the
// kind: the header is the first piece, pieces of entries follow, and the end is the last. All
// numbers of 4 bytes are little-endian. A recorder that is killed leaves a file without an end,
// whose last piece may be cut off.

#ifndef LAUNCHER_TIMETRAVEL_LOG_FORMAT_H_
#define LAUNCHER_TIMETRAVEL_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/timetravel/bytes.h"
#include "launcher/timetravel/log_entry.h"

namespace lguest::timetravel {

inline constexpr std::string_view kMagic = "lguest recording\n";

// Changes with the format, and with the software CPU if that executes a guest's instructions with
// other results or other counts.
inline constexpr uint32_t kFormatVersion = 1;

inline constexpr size_t kPrefixSize = kMagic.size() + 4;  // the magic and the version
inline constexpr size_t kPieceHeadSize = 8;
inline constexpr uint32_t kMaxPieceSize = 32 << 20;  // of the content

enum class PieceKind : uint8_t { kHeader = 1, kEntries = 2, kEnd = 3 };

std::string EncodePrefix();
// DataLoss, with the field and both values, if `bytes` (kPrefixSize of them) are not a prefix.
absl::Status CheckPrefix(std::string_view bytes);

// A whole piece.
std::string EncodePiece(PieceKind kind, std::string_view content);

struct PieceHead {
  uint32_t size = 0;  // of the content
  uint32_t crc = 0;
};
// DataLoss if the size is 0 or above kMaxPieceSize. `bytes` has kPieceHeadSize bytes.
absl::StatusOr<PieceHead> DecodePieceHead(std::string_view bytes);

// The kind of a piece whose content is `content`. DataLoss if the checksum is wrong or there is no
// such kind.
absl::StatusOr<PieceKind> CheckPiece(const PieceHead& head, std::string_view content);

// Contents, without the byte of the kind. Decoding fails with DataLoss, and the field.
std::string EncodeHeader(const LogHeader& header);
absl::StatusOr<LogHeader> DecodeHeader(std::string_view content);
std::string EncodeEnd(const LogEnd& end);
absl::StatusOr<LogEnd> DecodeEnd(std::string_view content);

// What an entry's numbers are relative to: the previous entry.
struct EntryBase {
  uint64_t count = 0;
  uint64_t sleeps = 0;
  uint64_t operation = 0;
};

// A place between two pieces of a recording.
struct LogPosition {
  uint64_t offset = 0;  // of the next piece
  EntryBase base;
};

void EncodeEntry(const LogEntry& entry, EntryBase& base, ByteWriter& to);
absl::StatusOr<LogEntry> DecodeEntry(ByteReader& from, EntryBase& base);

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_LOG_FORMAT_H_
