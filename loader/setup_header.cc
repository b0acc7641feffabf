#include "loader/setup_header.h"

#include <algorithm>
#include <cstring>

#include "loader/little_endian.h"

namespace lguest::loader {
namespace {

// Offsets in the file.
constexpr size_t kSetupSectors = kSetupHeaderStart;  // u8
constexpr size_t kBootFlag = 0x1fe;                  // u16
constexpr size_t kJumpLength = 0x201;                // u8; the header ends that far behind 0x202
constexpr size_t kMagic = 0x202;                     // u32
constexpr size_t kVersion = 0x206;                   // u16
constexpr size_t kKernelVersion = 0x20e;             // u16, from 0x200
constexpr size_t kCode32Start = 0x214;               // u32
constexpr size_t kExtraLoadFlags = 0x236;            // u16
constexpr size_t kPayloadOffset = 0x248;             // u32, from the end of the setup sectors
constexpr size_t kPayloadLength = 0x24c;             // u32
constexpr size_t kPrefAddress = 0x258;               // u64
constexpr size_t kInitSize = 0x260;                  // u32
constexpr size_t kHeaderEnd = 0x260;
constexpr size_t kLongestHeaderEnd = 0x290;  // other boot parameters follow

constexpr uint16_t kBootFlagValue = 0xaa55;
constexpr uint32_t kHdrS = 0x53726448;  // "HdrS"

constexpr uint16_t kVersionWithPayload = 0x208;
constexpr uint16_t kVersionWithPrefAddress = 0x20a;

constexpr uint16_t kVersionWithExtraLoadFlags = 0x20c;
constexpr uint16_t kHas64BitEntry = 1;  // an extra load flag

constexpr uint64_t kSectorBytes = 512;
constexpr uint8_t kDefaultSetupSectors = 4;  // the meaning of 0

// The text that the header points to; empty: it does not.
std::string_view KernelVersionText(std::span<const std::byte> image) {
  const size_t pointer = LoadLittleEndian<uint16_t>(image, kKernelVersion);
  if (pointer == 0 || pointer + 0x200 >= image.size()) return {};
  const auto* const start = reinterpret_cast<const char*>(image.data()) + pointer + 0x200;
  return {start, strnlen(start, image.size() - pointer - 0x200)};
}

}  // namespace

std::span<const std::byte> SetupHeaderBytes(std::span<const std::byte> image) {
  const size_t end = kMagic + LoadLittleEndian<uint8_t>(image, kJumpLength);
  return image.subspan(kSetupHeaderStart,
                       std::min({end, kLongestHeaderEnd, image.size()}) - kSetupHeaderStart);
}

std::optional<SetupHeader> ReadSetupHeader(std::span<const std::byte> image) {
  if (image.size() < kHeaderEnd) return std::nullopt;
  if (LoadLittleEndian<uint16_t>(image, kBootFlag) != kBootFlagValue) return std::nullopt;
  if (LoadLittleEndian<uint32_t>(image, kMagic) != kHdrS) return std::nullopt;

  SetupHeader header;
  header.version = LoadLittleEndian<uint16_t>(image, kVersion);
  header.kernel_version = KernelVersionText(image);
  header.code_start = LoadLittleEndian<uint32_t>(image, kCode32Start);
  uint8_t sectors = LoadLittleEndian<uint8_t>(image, kSetupSectors);
  if (sectors == 0) sectors = kDefaultSetupSectors;
  header.code_offset = (uint64_t{sectors} + 1) * kSectorBytes;  // the boot sector is none of them
  if (header.version >= kVersionWithPayload) {
    const uint64_t offset = LoadLittleEndian<uint32_t>(image, kPayloadOffset);
    const uint64_t size = LoadLittleEndian<uint32_t>(image, kPayloadLength);
    // Size 0: the field is not set.
    if (size != 0) header.payload = {header.code_offset + offset, size};
  }
  if (header.version >= kVersionWithPrefAddress) {
    header.load_address = LoadLittleEndian<uint64_t>(image, kPrefAddress);
    header.has_load_address = true;
    if (image.size() >= kInitSize + sizeof(uint32_t)) {
      header.init_size = LoadLittleEndian<uint32_t>(image, kInitSize);
    }
  }
  if (header.version >= kVersionWithExtraLoadFlags) {
    const auto flags = LoadLittleEndian<uint16_t>(image, kExtraLoadFlags);
    header.is_64_bit = (flags & kHas64BitEntry) != 0;
  }
  return header;
}

}  // namespace lguest::loader
