// The error status of a guest that must die.

#ifndef HOSTSIM_GUEST_DEATH_H_
#define HOSTSIM_GUEST_DEATH_H_

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest::hostsim {

// Returns Aborted. The message is the reason of death, in the words of the 2.6.23 host (ABI.md
// §4.18).
template <typename... Args>
absl::Status GuestDeath(const absl::FormatSpec<Args...>& format, const Args&... args) {
  return absl::AbortedError(absl::StrFormat(format, args...));
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_GUEST_DEATH_H_
