// The value of --deterministic.

#ifndef LAUNCHER_DETERMINISTIC_OPTIONS_H_
#define LAUNCHER_DETERMINISTIC_OPTIONS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "launcher/guest/abi.h"

namespace lguest {

struct DeterministicOptions {
  // Of the guest's clock: about what the software CPU takes.
  int64_t nanos_per_instruction = 2;

  // The wall time at which the guest starts: the day on which Linux 2.6.23 was released.
  GuestTime start = {.sec = 1'191'888'000, .nsec = 0};
};

// "NS", "start=SECONDS" or "NS,start=SECONDS": 1 to 1000 nanoseconds, and seconds since 1970.
// InvalidArgument otherwise, with the reason.
absl::StatusOr<DeterministicOptions> ParseDeterministicOptions(std::string_view text);

}  // namespace lguest

#endif  // LAUNCHER_DETERMINISTIC_OPTIONS_H_
