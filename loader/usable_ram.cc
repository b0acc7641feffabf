#include "loader/usable_ram.h"

#include <string_view>

#include "launcher/guest/abi.h"

namespace lguest::loader {
namespace {

// In the advice of a kernel that was built without CONFIG_HIGHMEM.
constexpr std::string_view kNoHighmem = "HIGHMEM enabled";

// The part of the address space that Linux keeps for vmalloc(), unless `vmalloc=` says otherwise.
constexpr uint64_t kVmallocReserve = uint64_t{128} << 20;

}  // namespace

uint32_t UsableRam(std::span<const std::byte> image, uint32_t page_offset, uint32_t ram_size) {
  const uint64_t address_space = (uint64_t{1} << 32) - page_offset;
  const uint64_t kept = kVmallocReserve + kReservedTop;
  if (address_space <= kept || ram_size <= address_space - kept) return ram_size;
  const std::string_view text(reinterpret_cast<const char*>(image.data()), image.size());
  if (text.find(kNoHighmem) == std::string_view::npos) return ram_size;
  return static_cast<uint32_t>(address_space - kept);
}

}  // namespace lguest::loader
