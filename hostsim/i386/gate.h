// Interrupt gates of the guest.

#ifndef HOSTSIM_I386_GATE_H_
#define HOSTSIM_I386_GATE_H_

#include <cstdint>

#include "launcher/guest/address.h"

namespace lguest::hostsim {

// One entry of the guest's interrupt descriptor table.
struct Gate {
  GuestVirt handler;
  uint8_t privilege = 0;             // the outermost ring that may name it with `int n`
  bool disables_interrupts = false;  // an interrupt gate, not a trap gate
  bool present = false;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_GATE_H_
