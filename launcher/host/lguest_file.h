// /dev/lguest as an open file: its two calls, and nothing of what they mean.

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
  // What a call returned. An address above 2 GB is as good a value as any: only `error` tells
  // whether the call failed.
  struct Result {
    uint32_t value = 0;
    int error = 0;  // an errno
  };

  virtual ~LguestFile() = default;

  virtual Result Write(std::span<const uint32_t> words) = 0;
  virtual Result Read(std::span<std::byte> bytes) = 0;
};

// Unavailable, saying what helps, when it cannot be opened.
absl::StatusOr<std::unique_ptr<LguestFile>> OpenLguestFile(const std::string& path = "/dev/lguest");

}  // namespace lguest

#endif  // LAUNCHER_HOST_LGUEST_FILE_H_
