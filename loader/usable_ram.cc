#include "loader/usable_ram.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "launcher/guest/abi.h"
#include "loader/compression_formats.h"
#include "loader/gzip_reader.h"
#include "loader/unpack.h"

namespace lguest::loader {
namespace {

// In the advice of a kernel that was built without CONFIG_HIGHMEM.
constexpr std::string_view kNoHighmem = "HIGHMEM enabled";

// The part of the address space that Linux keeps for vmalloc(), unless `vmalloc=` says otherwise.
constexpr uint64_t kVmallocReserve = uint64_t{128} << 20;

// How much more of it later kernels keep, at most: for fixed addresses below the host area.
constexpr uint64_t kFixedAddresses = uint64_t{4} << 20;

// What a kernel without support for high memory reaches; `ram_size` if that is less.
uint32_t LowMemory(uint32_t page_offset, uint32_t ram_size, bool is_virtio) {
  const uint64_t address_space = (uint64_t{1} << 32) - page_offset;
  const uint64_t kept = kVmallocReserve + kReservedTop + (is_virtio ? kFixedAddresses : 0);
  if (address_space <= kept || ram_size <= address_space - kept) return ram_size;
  return static_cast<uint32_t>(address_space - kept);
}

}  // namespace

uint32_t UsableRam(std::span<const std::byte> image, uint32_t page_offset, uint32_t ram_size,
                   bool is_virtio) {
  const uint32_t low = LowMemory(page_offset, ram_size, is_virtio);
  if (low == ram_size) return ram_size;
  const std::string_view text(reinterpret_cast<const char*>(image.data()), image.size());
  return text.find(kNoHighmem) == std::string_view::npos ? ram_size : low;
}

uint32_t UsableRamOfPacked(std::span<const std::byte> packed, uint32_t page_offset,
                           uint32_t ram_size) {
  const uint32_t low = LowMemory(page_offset, ram_size, /*is_virtio=*/true);
  if (low == ram_size || !IsGzip(packed)) return ram_size;
  GzipReader reader;
  reader.Start(packed);
  // Each turn keeps the end of the one before, where the text may start.
  std::vector<std::byte> window(size_t{1} << 20);
  constexpr size_t kKept = kNoHighmem.size() - 1;
  GzipReader::State state = GzipReader::State::kMore;
  while (state == GzipReader::State::kMore && reader.produced() < kLargestKernel) {
    std::copy(window.end() - kKept, window.end(), window.begin());
    state = reader.Read(std::span(window).subspan(kKept));
    const std::string_view text(reinterpret_cast<const char*>(window.data()), window.size());
    if (text.find(kNoHighmem) != std::string_view::npos) return low;
  }
  return ram_size;
}

}  // namespace lguest::loader
