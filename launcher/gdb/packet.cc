#include "launcher/gdb/packet.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"

namespace lguest::gdb {
namespace {

constexpr char kInterruptByte = 3;
constexpr size_t kChecksumDigits = 2;

uint8_t Checksum(std::string_view body) {
  uint8_t sum = 0;
  for (const char c : body) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(c));
  return sum;
}

bool IsHex(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

}  // namespace

std::string EncodePacket(std::string_view body) {
  return absl::StrFormat("$%s#%02x", body, Checksum(body));
}

std::string EncodeText(std::string_view text) {
  return ToHex(std::as_bytes(std::span(text.data(), text.size())));
}

std::string ToHex(std::span<const std::byte> bytes) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  for (const char c : text) {
    if (!IsHex(c)) return std::nullopt;
  }
  return absl::HexStringToBytes(text);
}

std::optional<uint64_t> TakeHexNumber(std::string_view& text) {
  constexpr size_t kMaxDigits = 16;
  uint64_t number = 0;
  size_t digits = 0;
  while (digits < text.size() && digits < kMaxDigits && IsHex(text[digits])) {
    const char c = absl::ascii_tolower(static_cast<unsigned char>(text[digits++]));
    number = number << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

std::optional<Range> TakeRange(std::string_view& text) {
  const std::optional<uint64_t> address = TakeHexNumber(text);
  if (!address.has_value() || !text.starts_with(',')) return std::nullopt;
  text.remove_prefix(1);
  const std::optional<uint64_t> length = TakeHexNumber(text);
  if (!length.has_value()) return std::nullopt;
  return Range{.address = *address, .length = *length};
}

PacketReader::Event PacketReader::Next() {
  while (!bytes_.empty()) {
    if (bytes_[0] == kInterruptByte) {
      bytes_.erase(0, 1);
      return Event::kInterrupt;
    }
    if (bytes_[0] != '$') {  // acknowledgements, and whatever else
      bytes_.erase(0, 1);
      continue;
    }
    const size_t end = bytes_.find('#');
    if (end == std::string::npos) {
      if (bytes_.size() <= kMaxBody) return Event::kNone;
      bytes_.clear();
      return Event::kBroken;
    }
    if (bytes_.size() < end + 1 + kChecksumDigits) return Event::kNone;
    body_ = bytes_.substr(1, end - 1);
    const std::optional<std::string> checksum =
        FromHex(std::string_view(bytes_).substr(end + 1, kChecksumDigits));
    bytes_.erase(0, end + 1 + kChecksumDigits);
    const bool is_good = checksum.has_value() && body_.size() <= kMaxBody &&
                         static_cast<uint8_t>((*checksum)[0]) == Checksum(body_);
    return is_good ? Event::kPacket : Event::kBroken;
  }
  return Event::kNone;
}

}  // namespace lguest::gdb
