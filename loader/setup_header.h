// Parses the setup header of a bzImage (Linux boot protocol, "The Real-Mode Kernel Header").

#ifndef LOADER_SETUP_HEADER_H_
#define LOADER_SETUP_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lguest::loader {

// The load address of a kernel that is not an ELF file, unless its header gives another one.
inline constexpr uint64_t kDefaultLoadAddress = 0x100000;

struct SetupHeader {
  // Offset and size in the file, in bytes. Unchecked: the payload may lie outside the file.
  struct Payload {
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  uint16_t version = 0;                         // of the protocol: 0x208 is 2.08
  std::optional<Payload> payload;               // from protocol 2.08 on
  uint64_t load_address = kDefaultLoadAddress;  // pref_address from protocol 2.10 on
  bool has_load_address = false;
};

// nullopt when `image` has no setup header.
std::optional<SetupHeader> ReadSetupHeader(std::span<const std::byte> image);

}  // namespace lguest::loader

#endif  // LOADER_SETUP_HEADER_H_
