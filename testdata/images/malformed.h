// Kernel files with one defect each.

#ifndef TESTDATA_IMAGES_MALFORMED_H_
#define TESTDATA_IMAGES_MALFORMED_H_

#include <string>
#include <vector>

#include "testdata/images/bytes.h"

namespace lguest::testdata {

struct MalformedImage {
  std::string name;  // usable as a file name
  Bytes contents;
  std::string complaint;  // text that the loader's message must contain
};

std::vector<MalformedImage> MalformedElfs();
std::vector<MalformedImage> MalformedBzImages();

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_MALFORMED_H_
