// Infers where a kernel without headers was linked (ABI.md §3.1).

#ifndef LOADER_LINK_ADDRESS_H_
#define LOADER_LINK_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest::loader {

// The virtual address of the first byte of `code`, a multiple of the page size.
//
// Code passes text to functions by its address, in an instruction with a constant. The distance of
// such a constant from the offset of its text is the address of the first byte. Which text a
// constant means is not known, so each constant votes for all texts, and the right address gets by
// far the most votes. InvalidArgument, with `name` and the counts, unless an address gets eight
// votes and more than twice as many as any other.
absl::StatusOr<uint32_t> InferLinkAddress(std::span<const std::byte> code, std::string_view name);

struct LinkPlace {
  uint32_t page_offset = 0;
  uint32_t load_address = 0;
};

// Divides a link address into page offset and load address. Linux lets its builder choose the page
// offset among multiples of 128 MB, and places itself less than 128 MB above it.
//
// `data_offset` is what InferPageOffset() says. It is the page offset, or more if the kernel lies
// more than 16 MB above it. InvalidArgument if it does not lie in the `size` bytes of the kernel:
// then one of the two is wrong.
absl::StatusOr<LinkPlace> DivideLinkAddress(uint32_t link_address, uint32_t size,
                                            uint32_t data_offset, std::string_view name);

}  // namespace lguest::loader

#endif  // LOADER_LINK_ADDRESS_H_
