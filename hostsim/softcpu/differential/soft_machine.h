// The software CPU with the memory layout of cpu_state.h, to run the same code as NativeCpu.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_SOFT_MACHINE_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_SOFT_MACHINE_H_

#include <cstdint>
#include <span>

#include "hostsim/softcpu/differential/cpu_state.h"
#include "hostsim/testing/test_machine.h"

namespace lguest::hostsim {

class SoftMachine {
 public:
  SoftMachine();

  // Like NativeCpu's, but code needs a setter, because the CPU must be notified of changed code.
  void SetCode(uint32_t address, std::span<const uint8_t> bytes);
  std::span<uint8_t> data();
  std::span<uint8_t> stack();

  // Runs from `start` to the first exception, at ring 3. `with_fpu` also returns the FPU state.
  Outcome Run(const CpuState& start, bool with_fpu);

 private:
  std::span<uint8_t> Memory(uint32_t phys, uint32_t pages);
  FpuState ReadFpu();

  TestMachine machine_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_SOFT_MACHINE_H_
