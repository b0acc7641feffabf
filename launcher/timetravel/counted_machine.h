// The parts of a host that counts instructions.

#ifndef LAUNCHER_TIMETRAVEL_COUNTED_MACHINE_H_
#define LAUNCHER_TIMETRAVEL_COUNTED_MACHINE_H_

#include "hostsim/count_stops.h"
#include "hostsim/software_host.h"
#include "hostsim/vcpu.h"
#include "hostsim/virtual_clock.h"

namespace lguest::timetravel {

struct CountedMachine {
  hostsim::Vcpu& cpu;
  hostsim::CountStops& stops;
  hostsim::VirtualClock& clock;
  hostsim::SoftwareHost& host;
};

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_COUNTED_MACHINE_H_
