// The processor of this machine, used as an i386.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_NATIVE_CPU_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_NATIVE_CPU_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "hostsim/softcpu/differential/cpu_state.h"

namespace lguest::hostsim {

// Runs 32-bit user code in this process: a far jump enters the 32-bit code segment that Linux
// provides for 32-bit programs, and a signal returns. The code sees the low 4 GB of the address
// space, which contain only the memory of cpu_state.h.
//
// Only one instance at a time, used by one thread. Its signal handlers stay installed.
class NativeCpu {
 public:
  // Returns Unavailable with the reason if this machine cannot run 32-bit code.
  static absl::StatusOr<std::unique_ptr<NativeCpu>> Create();
  ~NativeCpu();
  NativeCpu(const NativeCpu&) = delete;
  NativeCpu& operator=(const NativeCpu&) = delete;

  // The memory for the code. Parts of it are read-only for the code.
  std::span<uint8_t> code();
  std::span<uint8_t> data();
  std::span<uint8_t> stack();

  // Runs from `start` to the first exception. The code must not make system calls, load %fs or loop
  // forever.
  Outcome Run(const CpuState& start);

 private:
  explicit NativeCpu(uint8_t* pages) : pages_(pages) {}

  uint8_t* const pages_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_NATIVE_CPU_H_
