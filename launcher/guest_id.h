// The number from which a guest makes its network addresses.

#ifndef LAUNCHER_GUEST_ID_H_
#define LAUNCHER_GUEST_ID_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "launcher/base/unique_fd.h"

namespace lguest {

// A number that no other running guest of this network namespace has. Linux guests make their MAC
// addresses from it (ABI.md §4.21), so two guests with the same number cannot reach each other. The
// name of an abstract Unix socket reserves the number: the kernel gives a name to one process only,
// and frees it when that process ends in any way.
class GuestId {
 public:
  // Takes the lowest free number of `pool`. Returns 0, which may be in use, if none is available.
  static GuestId Claim(std::string_view pool = "lguest-guest");

  uint16_t value() const { return value_; }

 private:
  GuestId(uint16_t value, UniqueFd name) : value_(value), name_(std::move(name)) {}

  uint16_t value_;
  UniqueFd name_;
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_ID_H_
