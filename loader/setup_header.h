// What a bzImage says of itself (Linux boot protocol, "The Real-Mode Kernel Header").

#ifndef LOADER_SETUP_HEADER_H_
#define LOADER_SETUP_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lguest::loader {

// Where a kernel that is no ELF file is loaded, unless its header wants another place.
inline constexpr uint64_t kDefaultLoadAddress = 0x100000;

struct SetupHeader {
  // In bytes of the file. Unchecked: they may lie outside of it.
  struct Payload {
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  uint16_t version = 0;                         // of the protocol: 0x208 is 2.08
  std::optional<Payload> payload;               // from protocol 2.08 on
  uint64_t load_address = kDefaultLoadAddress;  // the kernel's own wish from protocol 2.10 on
};

// None when `image` has no such header.
std::optional<SetupHeader> ReadSetupHeader(std::span<const std::byte> image);

}  // namespace lguest::loader

#endif  // LOADER_SETUP_HEADER_H_
