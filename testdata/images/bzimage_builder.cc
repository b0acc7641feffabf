#include "testdata/images/bzimage_builder.h"

namespace lguest::testdata {

Bytes Build(const BzImage& image) {
  constexpr size_t kSector = 512;
  const size_t sectors = image.setup_sectors == 0 ? 4 : image.setup_sectors;
  Bytes file((sectors + 1) * kSector);
  Put8(file, 0x1f1, image.setup_sectors);
  Put16(file, 0x1fe, 0xaa55);
  Put(file, 0x202, FromString("HdrS"));
  Put16(file, 0x206, image.version);
  Put8(file, 0x211, 1);  // loaded high
  if (image.version >= 0x208) {
    Put32(file, 0x248, image.payload_offset.value_or(static_cast<uint32_t>(image.code.size())));
    Put32(file, 0x24c, image.payload_length.value_or(static_cast<uint32_t>(image.payload.size())));
  }
  if (image.version >= 0x20a) Put64(file, 0x258, image.pref_address);
  Append(file, image.code);
  Append(file, image.payload);
  Append(file, image.trailer);
  return file;
}

}  // namespace lguest::testdata
