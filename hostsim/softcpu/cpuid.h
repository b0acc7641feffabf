// CPUID leaves of the software CPU.

#ifndef HOSTSIM_SOFTCPU_CPUID_H_
#define HOSTSIM_SOFTCPU_CPUID_H_

#include <cstdint>

#include "hostsim/softcpu/unicorn_internals.h"

namespace lguest::hostsim {

// A Pentium III with the features that a guest kernel at ring 1 can use: FPU, TSC, CX8, CMOV, MMX,
// FXSR and SSE. Features that need ring 0 (SEP, PSE, PAE, PGE, MTRR, MSR, APIC) and features of
// later processors are hidden.
CpuidResult PentiumThreeCpuid(uint32_t leaf);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_CPUID_H_
