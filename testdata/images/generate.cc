// Writes each malformed kernel image to a file, to try the images by hand.

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "testdata/images/malformed.h"

namespace {

bool WriteAll(const std::string& directory,
              const std::vector<lguest::testdata::MalformedImage>& images) {
  for (const lguest::testdata::MalformedImage& image : images) {
    const std::string path = directory + "/" + image.name;
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(image.contents.data()),
               static_cast<std::streamsize>(image.contents.size()));
    if (!file.flush()) {
      std::cerr << path << ": cannot write the file\n";
      return false;
    }
    std::cout << path << ": " << image.complaint << "\n";
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: generate DIRECTORY\n";
    return 64;
  }
  return WriteAll(argv[1], lguest::testdata::MalformedElfs()) &&
                 WriteAll(argv[1], lguest::testdata::MalformedBzImages())
             ? 0
             : 1;
}
