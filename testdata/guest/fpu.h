// The FPU, handed from process to process only when one touches it (lguest interface, section 4:
// TS).

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

void InitFpu();

// Before the owner of `state` runs: lets it at the FPU at once if what the FPU holds is its own;
// else its first touch will trap.
void PrepareFpu(FpuState& state);

// Brings `state` up to date if the FPU holds it.
void SaveFpu(FpuState& state);

// `state` is about to vanish.
void ForgetFpu(const FpuState& state);

// Changes of hands since the start.
uint32_t FpuSwitches();

}  // namespace guest

#endif  // TESTDATA_GUEST_FPU_H_
