// A moment at which the devices of a guest have input.

#ifndef LAUNCHER_TIMETRAVEL_READY_EVENT_H_
#define LAUNCHER_TIMETRAVEL_READY_EVENT_H_

#include <cstdint>

#include "hostsim/clock.h"
#include "launcher/host/input_watch.h"

namespace lguest::timetravel {

// A place in a run of a guest. One instruction count may have several sleeps: a halted guest that
// wakes up may halt again without an instruction, because its handler is the host's.
struct Moment {
  uint64_t count = 0;   // of instructions
  uint64_t sleeps = 0;  // how often the guest has begun to wait in HALT

  bool operator==(const Moment&) const = default;
};

struct ReadyEvent {
  Moment moment;
  hostsim::Nanos passed = 0;  // of the time of a halted guest
  DeviceSet devices = 0;
  bool ends = false;  // the launcher is asked to end

  bool operator==(const ReadyEvent&) const = default;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_READY_EVENT_H_
