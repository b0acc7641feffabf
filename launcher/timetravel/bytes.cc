#include "launcher/timetravel/bytes.h"

namespace lguest::timetravel {
namespace {

constexpr uint32_t kBitsPerByte = 7;
constexpr uint8_t kMore = 0x80;

}  // namespace

void ByteWriter::Number(uint64_t value) {
  for (; value >= kMore; value >>= kBitsPerByte) {
    bytes_.push_back(static_cast<char>(value | kMore));
  }
  bytes_.push_back(static_cast<char>(value));
}

void ByteWriter::String(std::string_view text) {
  Number(text.size());
  bytes_.append(text);
}

uint64_t ByteReader::Number() {
  uint64_t value = 0;
  for (uint32_t shift = 0; ok_ && at_ < bytes_.size(); shift += kBitsPerByte) {
    const auto byte = static_cast<uint8_t>(bytes_[at_++]);
    const uint64_t bits = byte & (kMore - 1);
    if (shift >= 64 || bits << shift >> shift != bits) return Fail();
    value |= bits << shift;
    if ((byte & kMore) == 0) return value;
  }
  return Fail();
}

uint64_t ByteReader::Number(uint64_t max) {
  const uint64_t value = Number();
  return value <= max ? value : Fail();
}

std::string ByteReader::String() {
  const auto size = static_cast<size_t>(Number(bytes_.size()));
  if (!ok_ || size > bytes_.size() - at_) {
    Fail();
    return "";
  }
  const std::string_view text = bytes_.substr(at_, size);
  at_ += size;
  return std::string(text);
}

uint64_t ByteReader::Fail() {
  ok_ = false;
  return 0;
}

}  // namespace lguest::timetravel
