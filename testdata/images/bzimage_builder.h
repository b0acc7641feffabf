// Builds bzImage files for tests. Any field may be valid or invalid.

#ifndef TESTDATA_IMAGES_BZIMAGE_BUILDER_H_
#define TESTDATA_IMAGES_BZIMAGE_BUILDER_H_

#include <cstdint>
#include <optional>

#include "testdata/images/bytes.h"

namespace lguest::testdata {

struct BzImage {
  uint16_t version = 0x206;   // of the boot protocol; 2.08 is the first with a payload field
  uint8_t setup_sectors = 4;  // value of the field; 0 means 4
  Bytes code;                 // protected-mode code before the payload
  Bytes payload;
  Bytes trailer;  // bytes after the payload
  uint64_t pref_address = 0;

  // Values of header fields that replace the correct ones.
  std::optional<uint32_t> payload_offset;
  std::optional<uint32_t> payload_length;
};

Bytes Build(const BzImage& image);

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_BZIMAGE_BUILDER_H_
