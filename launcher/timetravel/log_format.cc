#include "launcher/timetravel/log_format.h"

#include <zlib.h>

#include <limits>
#include <utility>

#include "absl/strings/str_format.h"
#include "launcher/base/terminal_quote.h"
#include "launcher/guest/abi.h"

namespace lguest::timetravel {
namespace {

enum class EntryKind : uint8_t { kReady = 1, kEnding = 2, kOutcome = 3, kMark = 4 };

constexpr uint32_t kMaxDevicesOrInitrds = 1 << 16;
constexpr uint64_t kMaxU32 = std::numeric_limits<uint32_t>::max();

void PutWord(uint32_t value, std::string& to) {
  for (uint32_t shift = 0; shift < 32; shift += 8) to.push_back(static_cast<char>(value >> shift));
}

uint32_t GetWord(std::string_view bytes) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

uint32_t Crc(std::string_view content) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
}

absl::Status BadContent(std::string_view what, const ByteReader& reader) {
  return absl::DataLossError(
      absl::StrFormat("%s is not valid at byte %u of its piece", what, reader.offset()));
}

}  // namespace

std::string EncodePrefix() {
  std::string prefix(kMagic);
  PutWord(kFormatVersion, prefix);
  return prefix;
}

absl::Status CheckPrefix(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    return absl::DataLossError(absl::StrFormat("starts with \"%s\" instead of \"%s\"",
                                               QuoteForTerminal(bytes.substr(0, kMagic.size())),
                                               QuoteForTerminal(kMagic)));
  }
  const uint32_t version = GetWord(bytes.substr(kMagic.size()));
  if (version == kFormatVersion) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrFormat("version %u of the format at offset %u; this launcher replays version %u",
                      version, kMagic.size(), kFormatVersion));
}

std::string EncodePiece(PieceKind kind, std::string_view content) {
  std::string whole(1, static_cast<char>(kind));
  whole.append(content);
  std::string piece;
  PutWord(static_cast<uint32_t>(whole.size()), piece);
  PutWord(Crc(whole), piece);
  return piece + whole;
}

absl::StatusOr<PieceHead> DecodePieceHead(std::string_view bytes) {
  const PieceHead head = {.size = GetWord(bytes), .crc = GetWord(bytes.substr(4))};
  if (head.size >= 1 && head.size <= kMaxPieceSize) return head;
  return absl::DataLossError(
      absl::StrFormat("a piece of %u bytes; it has 1 to %u", head.size, kMaxPieceSize));
}

absl::StatusOr<PieceKind> CheckPiece(const PieceHead& head, std::string_view content) {
  const uint32_t crc = Crc(content);
  if (crc != head.crc) {
    return absl::DataLossError(
        absl::StrFormat("the checksum of a piece is 0x%08x instead of 0x%08x", crc, head.crc));
  }
  const auto kind = static_cast<uint8_t>(content[0]);
  if (kind >= static_cast<uint8_t>(PieceKind::kHeader) &&
      kind <= static_cast<uint8_t>(PieceKind::kEnd)) {
    return static_cast<PieceKind>(kind);
  }
  return absl::DataLossError(absl::StrFormat("a piece of kind %u; there are 1 to 3", kind));
}

std::string EncodeHeader(const LogHeader& header) {
  ByteWriter to;
  to.Number(header.nanos_per_instruction);
  to.Number(header.start.sec);
  to.Number(header.start.nsec);
  to.Number(header.guest_id);
  to.Number(header.memory);
  to.String(header.kernel);
  to.String(header.kernel_hash);
  to.Number(header.initrds.size());
  for (const std::string& initrd : header.initrds) to.String(initrd);
  to.String(header.initrd_hash);
  to.String(header.command_line);
  to.Number(header.devices.size());
  for (const RecordedDevice& device : header.devices) {
    to.Number(static_cast<uint64_t>(device.kind));
    to.String(device.label);
  }
  return std::move(to.bytes());
}

absl::StatusOr<LogHeader> DecodeHeader(std::string_view content) {
  ByteReader from(content);
  LogHeader header;
  header.nanos_per_instruction = from.Number(kMaxNanosPerInstruction);
  header.start.sec = static_cast<uint32_t>(from.Number(kMaxU32));
  header.start.nsec = static_cast<uint32_t>(from.Number(999'999'999));
  header.guest_id = static_cast<uint16_t>(from.Number(0xffff));
  header.memory = static_cast<uint32_t>(from.Number(kMaxU32));
  header.kernel = from.String();
  header.kernel_hash = from.String();
  for (uint64_t left = from.Number(kMaxDevicesOrInitrds); from.ok() && left != 0; --left) {
    header.initrds.push_back(from.String());
  }
  header.initrd_hash = from.String();
  header.command_line = from.String();
  for (uint64_t left = from.Number(kMaxDevices - 1); from.ok() && left != 0; --left) {
    const auto kind = static_cast<RecordedDevice::Kind>(from.Number(2));
    header.devices.push_back({.kind = kind, .label = from.String()});
    if (kind != RecordedDevice::Kind::kDisk && kind != RecordedDevice::Kind::kNetwork) {
      return BadContent("the kind of a device", from);
    }
  }
  if (!from.ok() || !from.at_end() || header.nanos_per_instruction == 0) {
    return BadContent("the header", from);
  }
  return header;
}

std::string EncodeEnd(const LogEnd& end) {
  ByteWriter to;
  to.String(end.reason);
  to.Number(end.fingerprint.size());
  for (const auto& [name, value] : end.fingerprint) {
    to.String(name);
    to.String(value);
  }
  return std::move(to.bytes());
}

absl::StatusOr<LogEnd> DecodeEnd(std::string_view content) {
  ByteReader from(content);
  LogEnd end;
  end.reason = from.String();
  for (uint64_t left = from.Number(64); from.ok() && left != 0; --left) {
    std::string name = from.String();
    end.fingerprint.emplace_back(std::move(name), from.String());
  }
  if (!from.ok() || !from.at_end()) return BadContent("the end", from);
  return end;
}

void EncodeEntry(const LogEntry& entry, EntryBase& base, ByteWriter& to) {
  const uint64_t count = CountOf(entry);
  const auto start = [&](EntryKind kind) {
    to.Number(static_cast<uint64_t>(kind));
    to.Number(count - std::exchange(base.count, count));
  };
  if (const auto* const ready = std::get_if<ReadyEvent>(&entry)) {
    start(ready->ends ? EntryKind::kEnding : EntryKind::kReady);
    to.Number(ready->moment.sleeps - std::exchange(base.sleeps, ready->moment.sleeps));
    to.Number(static_cast<uint64_t>(ready->passed));
    to.Number(ready->devices);
  } else if (const auto* const outcome = std::get_if<OutcomeEntry>(&entry)) {
    start(EntryKind::kOutcome);
    to.Number(outcome->operation - std::exchange(base.operation, outcome->operation));
    to.Number(outcome->device);
    to.Number(outcome->outcome.code);
    to.Number(outcome->outcome.value);
    to.String(outcome->outcome.data);
  } else {
    start(EntryKind::kMark);
    to.Number(std::get<MarkEntry>(entry).registers);
  }
}

absl::StatusOr<LogEntry> DecodeEntry(ByteReader& from, EntryBase& base) {
  // Sums of hostile numbers wrap around, which is harmless: the replay finds no such place.
  const uint64_t kind = from.Number();
  base.count += from.Number();
  LogEntry entry;
  switch (static_cast<EntryKind>(kind)) {
    case EntryKind::kReady:
    case EntryKind::kEnding: {
      base.sleeps += from.Number();
      const auto passed = static_cast<int64_t>(from.Number(kMaxNanos));
      const auto devices = static_cast<DeviceSet>(from.Number(OnlyDevice(kMaxDevices) - 1));
      entry = ReadyEvent{.moment = {.count = base.count, .sleeps = base.sleeps},
                         .passed = passed,
                         .devices = devices,
                         .ends = kind == static_cast<uint64_t>(EntryKind::kEnding)};
      break;
    }
    case EntryKind::kOutcome: {
      base.operation += from.Number();
      OutcomeEntry outcome = {.count = base.count, .operation = base.operation, .outcome = {}};
      outcome.device = static_cast<uint32_t>(from.Number(kMaxDevices));
      outcome.outcome.code = static_cast<uint32_t>(from.Number(16));
      outcome.outcome.value = from.Number();
      outcome.outcome.data = from.String();
      entry = std::move(outcome);
      break;
    }
    case EntryKind::kMark:
      entry = MarkEntry{.count = base.count, .registers = from.Number()};
      break;
    default:
      return absl::DataLossError(absl::StrFormat("an entry of kind %u; there are 1 to 4", kind));
  }
  if (!from.ok()) return BadContent("an entry", from);
  return entry;
}

}  // namespace lguest::timetravel
