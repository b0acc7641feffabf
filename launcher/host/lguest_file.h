// /dev/lguest as an open file: its two system calls, without their meaning.

#ifndef LAUNCHER_HOST_LGUEST_FILE_H_
#define LAUNCHER_HOST_LGUEST_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace lguest {

class LguestFile {
 public:
  // The result of a call. An address above 2 GB is a valid value: only `error` says whether the
  // call failed.
  struct Result {
    uint32_t value = 0;
    int error = 0;  // an errno
  };

  virtual ~LguestFile() = default;

  virtual Result Write(std::span<const uint32_t> words) = 0;
  virtual Result Read(std::span<std::byte> bytes) = 0;
};

// Opens the device. Unavailable, with what helps, if that fails.
absl::StatusOr<std::unique_ptr<LguestFile>> OpenLguestFile(const std::string& path = "/dev/lguest");

}  // namespace lguest

#endif  // LAUNCHER_HOST_LGUEST_FILE_H_
