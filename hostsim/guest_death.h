// How a guest's misbehaviour travels through the host: as an error with the reason for its death.

#ifndef HOSTSIM_GUEST_DEATH_H_
#define HOSTSIM_GUEST_DEATH_H_

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lguest::hostsim {

// The status of a guest that has to die; its message is the reason, in the words of the 2.6.23
// host.
template <typename... Args>
absl::Status GuestDeath(const absl::FormatSpec<Args...>& format, const Args&... args) {
  return absl::AbortedError(absl::StrFormat(format, args...));
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_GUEST_DEATH_H_
