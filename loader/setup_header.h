// Parses the setup header of a bzImage (Linux boot protocol, "The Real-Mode Kernel Header").

#ifndef LOADER_SETUP_HEADER_H_
#define LOADER_SETUP_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

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

  // What a boot loader needs that does not unpack the kernel itself.
  std::string_view kernel_version;  // in the image; empty: none
  uint64_t code_offset = 0;         // of the code of protected mode, in the file; unchecked
  uint32_t code_start = 0;          // where it starts
  bool is_64_bit = false;           // known from protocol 2.12 on
  uint32_t init_size = 0;           // that it needs from load_address on; from protocol 2.10 on
};

// The first byte of the boot parameters that are the setup header's.
inline constexpr size_t kSetupHeaderStart = 0x1f1;

// The setup header, from kSetupHeaderStart on. `image` has one.
std::span<const std::byte> SetupHeaderBytes(std::span<const std::byte> image);

// nullopt when `image` has no setup header.
std::optional<SetupHeader> ReadSetupHeader(std::span<const std::byte> image);

}  // namespace lguest::loader

#endif  // LOADER_SETUP_HEADER_H_
