#include "devices/block/image_format.h"

#include <cstring>
#include <string_view>

namespace lguest {
namespace {

struct Format {
  const char* name;
  size_t offset;
  std::string_view magic;
};

constexpr Format kFormats[] = {
    {"qcow", 0, "QFI\xfb"},
    {"QED", 0, std::string_view("QED\0", 4)},
    {"VMDK", 0, "KDMV"},
    {"VMDK", 0, "COWD"},
    {"VMDK", 0, "# Disk DescriptorFile"},
    {"VHDX", 0, "vhdxfile"},
    {"VHD", 0, "conectix"},
    {"VDI", 0x40, std::string_view("\x7f\x10\xda\xbe", 4)},
    {"Parallels", 0, "WithoutFreeSpace"},
    {"Parallels", 0, "WithouFreSpacExt"},
};

}  // namespace

const char* ImageFormatName(std::span<const std::byte> bytes) {
  for (const Format& format : kFormats) {
    if (bytes.size() < format.offset + format.magic.size()) continue;
    if (std::memcmp(bytes.data() + format.offset, format.magic.data(), format.magic.size()) == 0) {
      return format.name;
    }
  }
  return nullptr;
}

}  // namespace lguest
