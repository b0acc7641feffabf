#include "launcher/boot_image.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr std::array<std::byte, kPageSize> kZeroes = {};

}  // namespace

absl::StatusOr<BootImage> BootImage::Copy(const GuestMemory& memory,
                                          std::span<const loader::GuestRange> contents) {
  BootImage image;
  for (const loader::GuestRange& range : contents) {
    Part part = {.address = range.address, .bytes = std::vector<std::byte>(range.size)};
    RETURN_IF_ERROR(memory.ReadBytes(range.address, part.bytes));
    image.parts_.push_back(std::move(part));
  }
  return image;
}

absl::Status BootImage::Restore(GuestMemory& memory) const {
  for (uint32_t page = 0; page < memory.size(); page += kPageSize) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> bytes,
                     memory.Range(GuestPhys(page), kPageSize));
    if (std::memcmp(bytes.data(), kZeroes.data(), kPageSize) == 0) continue;
    RETURN_IF_ERROR(memory.WriteBytes(GuestPhys(page), kZeroes));
  }
  for (const Part& part : parts_) {
    RETURN_IF_ERROR(memory.WriteBytes(part.address, part.bytes));
  }
  return absl::OkStatus();
}

}  // namespace lguest
