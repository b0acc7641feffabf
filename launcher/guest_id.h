// The number that makes a guest's network addresses its own.

#ifndef LAUNCHER_GUEST_ID_H_
#define LAUNCHER_GUEST_ID_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "launcher/base/unique_fd.h"

namespace lguest {

// A number that no other running guest of this network namespace has. Linux guests make their MAC
// addresses of it (ABI.md §4.21), so two with the same number do not reach each other. Where there
// is no kernel module to count guests, the name of a Unix socket does it: the kernel gives a name
// to one process only, and takes it back however that process ends.
class GuestId {
 public:
  // Takes the lowest free number of `pool`; 0, shared, when none can be had.
  static GuestId Claim(std::string_view pool = "lguest-guest");

  uint16_t value() const { return value_; }

 private:
  GuestId(uint16_t value, UniqueFd name) : value_(value), name_(std::move(name)) {}

  uint16_t value_;
  UniqueFd name_;
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_ID_H_
