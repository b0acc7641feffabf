// A temporary directory for a test.

#ifndef LAUNCHER_BASE_TESTING_TEMP_DIR_H_
#define LAUNCHER_BASE_TESTING_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace lguest {

// Removes the directory with its contents on destruction.
class TempDir {
 public:
  TempDir() : path_(testing::TempDir() + "/lguest-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << path_;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }

  // Writes a file; returns its path.
  std::string File(const std::string& name, const std::string& bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
    return Path(name);
  }

  std::string Contents(const std::string& name) const {
    std::string bytes(static_cast<size_t>(std::filesystem::file_size(Path(name))), '\0');
    std::ifstream(Path(name), std::ios::binary).read(bytes.data(), std::ssize(bytes));
    return bytes;
  }

 private:
  std::string path_;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_TESTING_TEMP_DIR_H_
