#include "loader/compression_formats.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "loader/little_endian.h"

namespace lguest::loader {
namespace {

using namespace std::string_view_literals;

constexpr size_t kGzipHeaderSize = 10;
constexpr std::string_view kGzipMagic = "\x1f\x8b\x08"sv;  // 8: method deflate
constexpr size_t kGzipFlags = 3;
constexpr unsigned kGzipReservedFlags = 0xe0;

struct Format {
  const char* name;
  std::string_view magic;
  bool (*is_plausible)(std::span<const std::byte> bytes);  // further check; nullptr: none
};

bool HasBlockSizeAndBlock(std::span<const std::byte> bytes) {
  constexpr std::string_view kBlock = "1AY&SY"sv;
  if (bytes.size() < 4 + kBlock.size()) return false;
  const auto digit = std::to_integer<char>(bytes[3]);
  return digit >= '1' && digit <= '9' &&
         std::memcmp(bytes.data() + 4, kBlock.data(), kBlock.size()) == 0;
}

// The magic of an .lzma file is weak: the usual properties byte and the low bytes of the dictionary
// size. This also checks that the dictionary size is a multiple of 4 kB and that the unpacked size
// is unknown, as in a kernel build.
bool HasLzmaSizes(std::span<const std::byte> bytes) {
  constexpr size_t kDictionary = 1;
  constexpr size_t kUnpacked = 5;
  constexpr uint64_t kUnknown = ~uint64_t{0};
  if (bytes.size() < kUnpacked + sizeof(uint64_t)) return false;
  const uint32_t dictionary = LoadLittleEndian<uint32_t>(bytes, kDictionary);
  return dictionary != 0 && dictionary % 4096 == 0 &&
         LoadLittleEndian<uint64_t>(bytes, kUnpacked) == kUnknown;
}

constexpr Format kOtherFormats[] = {
    {"xz", "\xfd\x37\x7a\x58\x5a\x00"sv, nullptr},
    {"zstd", "\x28\xb5\x2f\xfd"sv, nullptr},
    {"lz4", "\x02\x21\x4c\x18"sv, nullptr},
    {"lzo", "\x89LZO\x00\x0d\x0a\x1a\x0a"sv, nullptr},
    {"bzip2", "BZh"sv, HasBlockSizeAndBlock},
    {"lzma", "\x5d\x00\x00"sv, HasLzmaSizes},
};

bool StartsWith(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool Matches(const Format& format, std::span<const std::byte> bytes) {
  return StartsWith(bytes, format.magic) &&
         (format.is_plausible == nullptr || format.is_plausible(bytes));
}

// The first offset at or after `from` where `check` returns true. Finds candidates by the first
// byte of `magic`, because memchr() is fast and few offsets have this byte.
template <typename Check>
std::optional<size_t> Find(std::span<const std::byte> bytes, size_t from, std::string_view magic,
                           Check check) {
  while (from < bytes.size()) {
    const void* const found = std::memchr(bytes.data() + from, magic[0], bytes.size() - from);
    if (found == nullptr) break;
    from = static_cast<size_t>(static_cast<const std::byte*>(found) - bytes.data());
    if (check(bytes.subspan(from))) return from;
    ++from;
  }
  return std::nullopt;
}

}  // namespace

bool IsGzip(std::span<const std::byte> bytes) {
  return bytes.size() >= kGzipHeaderSize && StartsWith(bytes, kGzipMagic) &&
         (std::to_integer<unsigned>(bytes[kGzipFlags]) & kGzipReservedFlags) == 0;
}

std::optional<size_t> FindGzip(std::span<const std::byte> bytes, size_t from) {
  return Find(bytes, from, kGzipMagic, IsGzip);
}

const char* OtherFormatName(std::span<const std::byte> bytes) {
  const auto* const format =
      std::find_if(std::begin(kOtherFormats), std::end(kOtherFormats),
                   [&](const Format& candidate) { return Matches(candidate, bytes); });
  return format == std::end(kOtherFormats) ? nullptr : format->name;
}

std::optional<FoundFormat> FindOtherFormat(std::span<const std::byte> bytes) {
  std::optional<FoundFormat> first;
  for (const Format& format : kOtherFormats) {
    const std::optional<size_t> offset =
        Find(bytes, 0, format.magic,
             [&](std::span<const std::byte> candidate) { return Matches(format, candidate); });
    if (!offset.has_value()) continue;
    if (!first.has_value() || *offset < first->offset) first = {format.name, *offset};
  }
  return first;
}

}  // namespace lguest::loader
