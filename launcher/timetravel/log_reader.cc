#include "launcher/timetravel/log_reader.h"

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest::timetravel {

absl::StatusOr<std::unique_ptr<LogReader>> LogReader::Open(std::unique_ptr<LogFile> file,
                                                           std::string name) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<LogReader> reader(new LogReader(std::move(file), std::move(name)));
  RETURN_IF_ERROR(reader->At(reader->ReadHeader()));
  reader->Next();
  return reader;
}

LogReader::LogReader(LogFile& file, const LogPosition& position)
    : file_(file), name_("the recording"), next_offset_(position.offset), base_(position.base) {
  Next();
}

absl::Status LogReader::ReadHeader() {
  ASSIGN_OR_RETURN(const std::string prefix, file_.ReadAt(0, kPrefixSize));
  if (prefix.size() < kPrefixSize) {
    return absl::DataLossError(absl::StrFormat(
        "is no recording: it has %u bytes, and the shortest has %u", prefix.size(), kPrefixSize));
  }
  RETURN_IF_ERROR(CheckPrefix(prefix));
  next_offset_ = kPrefixSize;
  ASSIGN_OR_RETURN(const std::optional<Piece> piece, ReadPiece());
  if (!piece.has_value()) return absl::DataLossError("ends before its header does");
  if (piece->kind != PieceKind::kHeader) {
    return absl::DataLossError(
        absl::StrFormat("the first piece is of kind %u instead of 1 (header)", piece->kind));
  }
  ASSIGN_OR_RETURN(header_, DecodeHeader(piece->content));
  return absl::OkStatus();
}

void LogReader::Next() {
  entry_.reset();
  if (!status_.ok() || end_.has_value()) return;
  status_ = At(DecodeNext());
}

absl::Status LogReader::DecodeNext() {
  while (entries_.at_end()) {
    RETURN_IF_ERROR(ReadNextPiece());
    if (content_.empty()) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(entry_, DecodeEntry(entries_, base_));
  return absl::OkStatus();
}

absl::Status LogReader::ReadNextPiece() {
  content_.clear();
  entries_ = ByteReader(content_);
  ASSIGN_OR_RETURN(std::optional<Piece> piece, ReadPiece());
  if (!piece.has_value()) return absl::OkStatus();
  switch (piece->kind) {
    case PieceKind::kHeader:
      return absl::DataLossError("a second header");
    case PieceKind::kEnd: {
      ASSIGN_OR_RETURN(end_, DecodeEnd(piece->content));
      return absl::OkStatus();
    }
    case PieceKind::kEntries:
      if (piece->content.empty()) return absl::DataLossError("a piece without entries");
      content_ = std::move(piece->content);
      entries_ = ByteReader(content_);
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LogReader::Piece>> LogReader::ReadPiece() {
  piece_offset_ = next_offset_;
  ASSIGN_OR_RETURN(const std::string bytes, file_.ReadAt(piece_offset_, kPieceHeadSize));
  if (bytes.size() < kPieceHeadSize) return std::nullopt;
  ASSIGN_OR_RETURN(const PieceHead head, DecodePieceHead(bytes));
  ASSIGN_OR_RETURN(std::string content, file_.ReadAt(piece_offset_ + kPieceHeadSize, head.size));
  if (content.size() < head.size) return std::nullopt;
  next_offset_ = piece_offset_ + kPieceHeadSize + head.size;
  ASSIGN_OR_RETURN(const PieceKind kind, CheckPiece(head, content));
  return Piece{.kind = kind, .content = content.substr(1)};
}

absl::Status LogReader::At(const absl::Status& error) const {
  if (error.ok()) return error;
  return absl::Status(error.code(),
                      absl::StrFormat("%s: offset %u: %s", name_, piece_offset_, error.message()));
}

}  // namespace lguest::timetravel
