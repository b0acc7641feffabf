// The FPU. The kernel loads it for a process only at the process's first FPU instruction (ABI.md
// §4.8).

#ifndef TESTDATA_GUEST_FPU_H_
#define TESTDATA_GUEST_FPU_H_

#include <array>
#include <cstdint>

namespace guest {

// The registers of a process, as fnsave writes them.
struct FpuState {
  bool used = false;
  std::array<uint8_t, 108> registers = {};
};

// Makes the first FPU instruction trap from now on.
void InitFpu();

// Updates `state` if the FPU holds its registers.
void SaveFpu(FpuState& state);

// Ends the turn of the process with `state`: saves the registers, and makes the next FPU
// instruction trap.
void ParkFpu(FpuState& state);

// Returns the number of FPU loads since the start.
uint32_t FpuLoads();

}  // namespace guest

#endif  // TESTDATA_GUEST_FPU_H_
