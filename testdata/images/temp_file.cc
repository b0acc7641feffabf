#include "testdata/images/temp_file.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace lguest::testdata {

TempFile::TempFile(std::span<const std::byte> contents) {
  const char* const directory = std::getenv("TEST_TMPDIR");
  path_ = std::string(directory != nullptr ? directory : "/tmp") + "/image-XXXXXX";
  const int fd = mkstemp(path_.data());
  if (fd < 0) std::abort();
  close(fd);
  std::ofstream out(path_, std::ios::binary);
  out.write(reinterpret_cast<const char*>(contents.data()),
            static_cast<std::streamsize>(contents.size()));
  if (!out.flush()) std::abort();
}

TempFile::~TempFile() { unlink(path_.c_str()); }

}  // namespace lguest::testdata
