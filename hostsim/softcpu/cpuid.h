// What CPUID tells a guest.

#ifndef HOSTSIM_SOFTCPU_CPUID_H_
#define HOSTSIM_SOFTCPU_CPUID_H_

#include <cstdint>

#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {

// A Pentium III with what a guest at ring 1 can use: FPU, TSC, CX8, CMOV, MMX, FXSR and SSE. Not
// what it would have to be in ring 0 for (SEP, PSE, PAE, PGE, MTRR, MSR, APIC), and nothing later.
CpuidResult PentiumThreeCpuid(uint32_t leaf);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_CPUID_H_
