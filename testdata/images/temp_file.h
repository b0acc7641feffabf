// Temporary files for tests. The file is deleted with its object.

#ifndef TESTDATA_IMAGES_TEMP_FILE_H_
#define TESTDATA_IMAGES_TEMP_FILE_H_

#include <cstddef>
#include <span>
#include <string>

namespace lguest::testdata {

class TempFile {
 public:
  explicit TempFile(std::span<const std::byte> contents);
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace lguest::testdata

#endif  // TESTDATA_IMAGES_TEMP_FILE_H_
