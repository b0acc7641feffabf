#include "launcher/sandbox/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <vector>

namespace lguest::sandbox {
namespace {

// The open descriptors; without a /proc, all numbers that may be open.
std::vector<int> Candidates() {
  std::vector<int> candidates;
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) {
    const long end = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < end; ++fd) candidates.push_back(fd);
    return candidates;
  }
  while (const dirent* const entry = readdir(directory)) {
    int fd = -1;
    const char* const name = static_cast<const char*>(entry->d_name);
    std::from_chars(name, name + std::strlen(name), fd);
    if (fd >= 0) candidates.push_back(fd);
  }
  closedir(directory);
  return candidates;
}

}  // namespace

void CloseInheritedDescriptors() {
  for (const int fd : Candidates()) {
    if (fd <= STDERR_FILENO) continue;
    const int flags = fcntl(fd, F_GETFD);
    if (flags != -1 && (flags & FD_CLOEXEC) == 0) close(fd);
  }
}

}  // namespace lguest::sandbox
