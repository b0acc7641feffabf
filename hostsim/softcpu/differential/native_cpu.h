// The processor that this program runs on, as an i386.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_NATIVE_CPU_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_NATIVE_CPU_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "hostsim/softcpu/differential/cpu_state.h"

namespace lguest::hostsim {

// Runs 32-bit user code in this process: a far jump into the 32-bit code segment that Linux keeps
// for such programs, and a signal back. The code sees the low 4 GB of the address space, where
// there is nothing but the memory of cpu_state.h.
//
// One at a time in a program, used by one thread. Its signal handlers stay.
class NativeCpu {
 public:
  // Unavailable, saying why, where that cannot be done.
  static absl::StatusOr<std::unique_ptr<NativeCpu>> Create();
  ~NativeCpu();
  NativeCpu(const NativeCpu&) = delete;
  NativeCpu& operator=(const NativeCpu&) = delete;

  // The memory that code is to find, not all of which it may write to.
  std::span<uint8_t> code();
  std::span<uint8_t> data();
  std::span<uint8_t> stack();

  // Runs from `start` to the first exception. Code that makes system calls, loads %fs or waits for
  // ever is not to be run.
  Outcome Run(const CpuState& start);

 private:
  explicit NativeCpu(uint8_t* pages) : pages_(pages) {}

  uint8_t* const pages_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_NATIVE_CPU_H_
