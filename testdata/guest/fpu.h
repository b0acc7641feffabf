// The FPU, loaded for a process only when it touches it (ABI.md §4.8).

#ifndef TESTDATA_GUEST_FPU_H_
#define TESTDATA_GUEST_FPU_H_

#include <array>
#include <cstdint>

namespace guest {

// One process's registers, as fnsave writes them.
struct FpuState {
  bool used = false;
  std::array<uint8_t, 108> registers = {};
};

// From here on the first touch of the FPU traps.
void InitFpu();

// Brings `state` up to date if the FPU holds it.
void SaveFpu(FpuState& state);

// The owner of `state` has had its turn: saves what it did, and lets the next touch trap again.
void ParkFpu(FpuState& state);

// How often the FPU was loaded since the start.
uint32_t FpuLoads();

}  // namespace guest

#endif  // TESTDATA_GUEST_FPU_H_
