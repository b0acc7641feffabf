// The number from which a guest makes its network addresses.

#ifndef LAUNCHER_GUEST_ID_H_
#define LAUNCHER_GUEST_ID_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/base/unique_fd.h"

namespace lguest {

// A number that is the same each time that this command line is run in this directory, network
// namespace and machine, and most probably another one elsewhere: a hash of all of these.
uint16_t PreferredGuestId(std::span<const std::string> command_line);

// A number that no other running guest of this network namespace has. Linux guests make their MAC
// addresses from it (ABI.md §4.21), so two guests with the same number cannot reach each other. The
// name of an abstract Unix socket reserves the number: the kernel gives a name to one process only,
// and frees it when that process ends in any way.
class GuestId {
 public:
  GuestId() = default;  // 0, not reserved

  // Takes `preferred`, or the next free number of `pool` if a guest has it. Returns `preferred`,
  // which may be in use, if none is available.
  static GuestId Claim(uint16_t preferred, std::string_view pool = "lguest-guest");

  uint16_t value() const { return value_; }

 private:
  GuestId(uint16_t value, UniqueFd name) : value_(value), name_(std::move(name)) {}

  uint16_t value_ = 0;
  UniqueFd name_;
};

}  // namespace lguest

#endif  // LAUNCHER_GUEST_ID_H_
