#include "launcher/host/lguest_file.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "launcher/base/unique_fd.h"

namespace lguest {
namespace {

class RealLguestFile final : public LguestFile {
 public:
  explicit RealLguestFile(UniqueFd fd) : fd_(std::move(fd)) {}

  // syscall() avoids the work that read() and write() do for thread cancellation. That is
  // measurable with a guest that sends few bytes each time.
  Result Write(std::span<const uint32_t> words) override {
    return ResultOf(syscall(SYS_write, fd_.get(), words.data(), words.size_bytes()));
  }
  Result Read(std::span<std::byte> bytes) override {
    return ResultOf(syscall(SYS_read, fd_.get(), bytes.data(), bytes.size()));
  }

 private:
  // The C library returns -1 for an error. Any other negative value is a result.
  static Result ResultOf(ssize_t returned) {
    if (returned == -1) return {.error = errno};
    return {.value = static_cast<uint32_t>(returned)};
  }

  const UniqueFd fd_;
};

// The minor number of the kernel's device, whether or not /dev has a file for it.
std::optional<int> MinorNumber() {
  std::ifstream devices("/proc/misc");
  int minor = 0;
  std::string name;
  while (devices >> minor >> name) {
    if (name == "lguest") return minor;
  }
  return std::nullopt;
}

std::string WhatHelps(int error, const std::string& path) {
  if (error == EACCES || error == EPERM) {
    return "only root can open it, or a user that root gives access";
  }
  if (const std::optional<int> minor = MinorNumber(); minor.has_value()) {
    return absl::StrCat("this kernel has the device: mknod ", path, " c 10 ", *minor);
  }
  return "it takes a 32-bit Linux 2.6.23 with CONFIG_LGUEST; where that is a module, modprobe lg";
}

}  // namespace

absl::StatusOr<std::unique_ptr<LguestFile>> OpenLguestFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.valid()) return std::make_unique<RealLguestFile>(std::move(fd));
  const int error = errno;
  return absl::UnavailableError(
      absl::StrCat(absl::ErrnoToStatus(error, absl::StrCat("opening ", path)).message(), " (",
                   WhatHelps(error, path), ")"));
}

}  // namespace lguest
