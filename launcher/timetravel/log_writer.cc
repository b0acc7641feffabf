#include "launcher/timetravel/log_writer.h"

namespace lguest::timetravel {

LogWriter::LogWriter(std::unique_ptr<LogFile> file, const LogHeader& header)
    : file_(std::move(file)) {
  Write(EncodePrefix() + EncodePiece(PieceKind::kHeader, EncodeHeader(header)));
}

void LogWriter::Append(const LogEntry& entry) {
  EncodeEntry(entry, base_, entries_);
  if (entries_.bytes().size() >= kPieceSize) Flush();
}

void LogWriter::Flush() {
  if (entries_.bytes().empty()) return;
  Write(EncodePiece(PieceKind::kEntries, entries_.bytes()));
  entries_.bytes().clear();
}

void LogWriter::WriteEnd(const LogEnd& end) {
  Flush();
  Write(EncodePiece(PieceKind::kEnd, EncodeEnd(end)));
}

void LogWriter::Write(std::string_view bytes) {
  if (status_.ok()) status_ = file_->Append(bytes);
  size_ += bytes.size();
}

}  // namespace lguest::timetravel
