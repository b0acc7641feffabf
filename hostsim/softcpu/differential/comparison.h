// Compares the results of two CPUs and describes the differences.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_COMPARISON_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_COMPARISON_H_

#include <cstdint>
#include <span>
#include <string>

#include "hostsim/softcpu/differential/code_builder.h"
#include "hostsim/softcpu/differential/cpu_state.h"

namespace lguest::hostsim {

// Returns lines that describe how `soft` differs from `native` after the same code, or nothing if
// they agree. Ignores state that the architecture leaves undefined, and known deviations of
// SoftCpu.
std::string Difference(const RandomCode& code, const Outcome& native, const Outcome& soft);

// Whether the code ends in an instruction that may have written some of its memory before it
// faulted.
bool MayBeHalfDone(const RandomCode& code, const Outcome& native);

// Like Difference(), for two views of memory at `address`: describes the first byte that differs.
std::string MemoryDifference(uint32_t address, std::span<const uint8_t> native,
                             std::span<const uint8_t> soft);

// The code in hexadecimal, one instruction per line, and the registers at its start.
std::string Describe(const RandomCode& code, const CpuState& start);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_COMPARISON_H_
