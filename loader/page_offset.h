// Infers the page offset of a kernel without ELF headers from its code (ABI.md §3.1).

#ifndef LOADER_PAGE_OFFSET_H_
#define LOADER_PAGE_OFFSET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest::loader {

// A kernel reads its variables at page offset + physical address. One instruction for this is the
// byte 0xA1 followed by the address. Other bytes 0xA1 are followed by arbitrary bytes, so the most
// frequent top byte of these addresses is the top byte of the page offset.
//
// `code` will lie at physical `load_address`. The offset is a multiple of 16 MB. A kernel that ends
// beyond the first 16 MB also has addresses with the next top bytes; the lowest frequent one is
// used. InvalidArgument, with `name` and the counts, unless a top byte occurs more than three times
// and more than twice as often as any other.
absl::StatusOr<uint32_t> InferPageOffset(std::span<const std::byte> code, uint32_t load_address,
                                         std::string_view name);

}  // namespace lguest::loader

#endif  // LOADER_PAGE_OFFSET_H_
