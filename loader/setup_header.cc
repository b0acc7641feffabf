#include "loader/setup_header.h"

#include "loader/little_endian.h"

namespace lguest::loader {
namespace {

// Offsets in the file.
constexpr size_t kSetupSectors = 0x1f1;   // u8
constexpr size_t kBootFlag = 0x1fe;       // u16
constexpr size_t kMagic = 0x202;          // u32
constexpr size_t kVersion = 0x206;        // u16
constexpr size_t kPayloadOffset = 0x248;  // u32, from the end of the setup sectors
constexpr size_t kPayloadLength = 0x24c;  // u32
constexpr size_t kPrefAddress = 0x258;    // u64
constexpr size_t kHeaderEnd = 0x260;

constexpr uint16_t kBootFlagValue = 0xaa55;
constexpr uint32_t kHdrS = 0x53726448;  // "HdrS"

constexpr uint16_t kVersionWithPayload = 0x208;
constexpr uint16_t kVersionWithPrefAddress = 0x20a;

constexpr uint64_t kSectorBytes = 512;
constexpr uint8_t kDefaultSetupSectors = 4;  // the meaning of 0

}  // namespace

std::optional<SetupHeader> ReadSetupHeader(std::span<const std::byte> image) {
  if (image.size() < kHeaderEnd) return std::nullopt;
  if (LoadLittleEndian<uint16_t>(image, kBootFlag) != kBootFlagValue) return std::nullopt;
  if (LoadLittleEndian<uint32_t>(image, kMagic) != kHdrS) return std::nullopt;

  SetupHeader header;
  header.version = LoadLittleEndian<uint16_t>(image, kVersion);
  if (header.version >= kVersionWithPayload) {
    uint8_t sectors = LoadLittleEndian<uint8_t>(image, kSetupSectors);
    if (sectors == 0) sectors = kDefaultSetupSectors;
    const uint64_t offset = LoadLittleEndian<uint32_t>(image, kPayloadOffset);
    const uint64_t size = LoadLittleEndian<uint32_t>(image, kPayloadLength);
    // The boot sector is not one of the setup sectors. Size 0: the field is not set.
    if (size != 0) header.payload = {(uint64_t{sectors} + 1) * kSectorBytes + offset, size};
  }
  if (header.version >= kVersionWithPrefAddress) {
    header.load_address = LoadLittleEndian<uint64_t>(image, kPrefAddress);
    header.has_load_address = true;
  }
  return header;
}

}  // namespace lguest::loader
