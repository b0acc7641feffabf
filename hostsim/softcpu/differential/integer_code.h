// Random code of integer instructions.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_INTEGER_CODE_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_INTEGER_CODE_H_

#include <cstdint>

#include "hostsim/softcpu/differential/code_builder.h"
#include "hostsim/softcpu/differential/random.h"

namespace lguest::hostsim {

// Returns `count` instructions, plus instructions that prepare them, at `address`: arithmetic,
// memory, strings, stack, flags, and forward jumps.
RandomCode RandomIntegerCode(Random& random, uint32_t address, int count);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_INTEGER_CODE_H_
