// The page offset that a kernel without ELF headers was built for, told from its code (ABI.md
// §3.1).

#ifndef LOADER_PAGE_OFFSET_H_
#define LOADER_PAGE_OFFSET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace lguest::loader {

// A kernel reads its own variables, at page offset + physical address. One instruction for that is
// the byte 0xA1 and the address. There are other bytes 0xA1, but what follows those varies: of the
// addresses' top bytes, the one that recurs is the page offset's.
//
// `code` is what will lie at physical `load_address`. The offset is a multiple of 16 MB. A kernel
// that reaches beyond the first 16 MB has addresses with the following top bytes as well; the
// lowest that stands out counts. InvalidArgument, naming `name` and the tallies, unless a top byte
// recurs more than three times and more than twice as often as any other.
absl::StatusOr<uint32_t> InferPageOffset(std::span<const std::byte> code, uint32_t load_address,
                                         std::string_view name);

}  // namespace lguest::loader

#endif  // LOADER_PAGE_OFFSET_H_
