// Kernel files with one thing wrong each.

#ifndef TESTDATA_IMAGES_MALFORMED_H_
#define TESTDATA_IMAGES_MALFORMED_H_

#include <string>
#include <vector>

#include "testdata/images/bytes.h"

namespace lguest::testdata {

struct MalformedImage {
  std::string name;  // fit for a file name
  Bytes contents;
  std::string complaint;  // what a message about it has to contain
};

std::vector<MalformedImage> MalformedElfs();
std::vector<MalformedImage> MalformedBzImages();

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_MALFORMED_H_
