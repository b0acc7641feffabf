// The results of operations on what is outside the guest: kept, or taken from a recording.

#ifndef LAUNCHER_TIMETRAVEL_TAPE_H_
#define LAUNCHER_TIMETRAVEL_TAPE_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "launcher/timetravel/log_entry.h"

namespace lguest::timetravel {

// The operations of a run are numbered, which is deterministic. An operation has a usual result,
// which is not kept.
class Tape {
 public:
  virtual ~Tape() = default;

  // Returns the result of the next operation, which is one of device `device`. A recording performs
  // it; a replay does not.
  virtual Outcome Perform(uint32_t device, absl::FunctionRef<Outcome()> operation,
                          const Outcome& usual) = 0;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_TAPE_H_
