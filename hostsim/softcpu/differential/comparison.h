// What has to be the same on two processors, and how to tell of what is not.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_COMPARISON_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_COMPARISON_H_

#include <cstdint>
#include <span>
#include <string>

#include "hostsim/softcpu/differential/code_builder.h"
#include "hostsim/softcpu/differential/cpu_state.h"

namespace lguest::hostsim {

// Lines that tell how `soft` differs from what `native` has come to with the same code; empty if it
// does not, but for what no processor has to do alike, and for what SoftCpu is known not to do.
std::string Difference(const RandomCode& code, const Outcome& native, const Outcome& soft);

// Whether the code ends in an instruction that may have written some of its memory before it
// faulted.
bool MayBeHalfDone(const RandomCode& code, const Outcome& native);

// The same as Difference() for two views of memory at `address`: the first byte that differs.
std::string MemoryDifference(uint32_t address, std::span<const uint8_t> native,
                             std::span<const uint8_t> soft);

// The code in hexadecimal, an instruction a line, and the registers it starts with.
std::string Describe(const RandomCode& code, const CpuState& start);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_COMPARISON_H_
