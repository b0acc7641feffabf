#include "loader/boot_params.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "loader/little_endian.h"
#include "loader/setup_header.h"

namespace lguest::loader {
namespace {

// A field of the boot parameters. T is its width.
template <typename T>
struct Field {
  size_t offset;
};

constexpr Field<uint8_t> kE820Count{0x1e8};
constexpr Field<uint32_t> kHeaderMagic{0x202};
constexpr Field<uint16_t> kProtocolVersion{0x206};
constexpr Field<uint8_t> kLoaderType{0x210};
constexpr Field<uint8_t> kLoadFlags{0x211};
constexpr Field<uint32_t> kInitrdAddress{0x218};
constexpr Field<uint32_t> kInitrdSize{0x21c};
constexpr Field<uint32_t> kCommandLinePointer{0x228};
constexpr Field<uint32_t> kKernelAlignment{0x230};
constexpr Field<uint32_t> kPlatformType{0x23c};
constexpr Field<uint64_t> kE820Address{0x2d0};
constexpr Field<uint64_t> kE820Size{0x2d8};
constexpr Field<uint32_t> kE820Type{0x2e0};

constexpr uint32_t kHdrS = 0x53726448;    // "HdrS": the fields from 0x202 on are valid
constexpr uint16_t kProtocol = 0x207;     // the first version that has a platform type
constexpr uint8_t kUnknownLoader = 0xff;  // the type for loaders without an assigned number
constexpr uint32_t kPlatformLguest = 1;
constexpr uint8_t kKeepSegments = 0x40;
constexpr uint32_t kAlignment = 16u << 20;
constexpr uint32_t kE820Ram = 1;

class ZeroPage {
 public:
  template <typename T>
  void Set(Field<T> field, std::type_identity_t<T> value) {
    StoreLittleEndian<T>(bytes_, field.offset, value);
  }
  template <typename T>
  T Get(Field<T> field) const {
    return LoadLittleEndian<T>(bytes_, field.offset);
  }
  void SetBytes(size_t offset, std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), std::span(bytes_).subspan(offset).begin());
  }
  std::span<const std::byte> Bytes() const { return bytes_; }

 private:
  std::array<std::byte, kBootParamsSize> bytes_ = {};
};

}  // namespace

absl::Status WriteBootParams(GuestMemory& memory, const BootParams& params) {
  ZeroPage page;
  page.SetBytes(kSetupHeaderStart, params.setup_header);
  if (params.starts_physical) {
    page.Set(kLoadFlags, page.Get(kLoadFlags) | kKeepSegments);
    if (params.setup_header.empty()) page.Set(kKernelAlignment, kAlignment);
  }
  page.Set(kHeaderMagic, kHdrS);
  page.Set(kProtocolVersion, std::max(kProtocol, page.Get(kProtocolVersion)));
  page.Set(kLoaderType, kUnknownLoader);
  page.Set(kPlatformType, kPlatformLguest);
  page.Set(kE820Count, 1);
  page.Set(kE820Address, 0);
  page.Set(kE820Size, params.ram_size);
  page.Set(kE820Type, kE820Ram);
  page.Set(kCommandLinePointer, kCommandLineAddress.value());
  if (params.initrd.has_value()) {
    page.Set(kInitrdAddress, params.initrd->address.value());
    page.Set(kInitrdSize, params.initrd->size);
  }
  RETURN_IF_ERROR(memory.WriteBytes(kBootParamsAddress, page.Bytes()));
  const std::string& line = params.command_line;
  return memory.WriteBytes(kCommandLineAddress,
                           std::as_bytes(std::span(line.c_str(), line.size() + 1)));
}

absl::Status CheckCommandLine(std::string_view command_line) {
  if (command_line.size() >= kCommandLineSize) {
    return absl::FailedPreconditionError(
        absl::StrFormat("kernel command line of %u bytes: the guest reads at most %u",
                        command_line.size(), kCommandLineSize - 1));
  }
  if (const size_t nul = command_line.find('\0'); nul != std::string_view::npos) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "kernel command line of %u bytes: byte %u is a NUL", command_line.size(), nul));
  }
  return absl::OkStatus();
}

}  // namespace lguest::loader
