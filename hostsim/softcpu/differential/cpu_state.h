// The state of a CPU before and after a piece of user code, the same for every CPU.

#ifndef HOSTSIM_SOFTCPU_DIFFERENTIAL_CPU_STATE_H_
#define HOSTSIM_SOFTCPU_DIFFERENTIAL_CPU_STATE_H_

#include <array>
#include <cstdint>

namespace lguest::hostsim {

struct CpuState {
  std::array<uint32_t, 8> regs = {};  // in the order of the instruction encoding
  uint32_t eip = 0;
  uint32_t eflags = 0;
};

// The compared parts of an FXSAVE image (Intel SDM 1, 10.5.1).
struct FpuState {
  uint16_t control = 0;
  uint16_t status = 0;
  uint8_t in_use = 0;                              // one bit for each physical register
  std::array<std::array<uint8_t, 10>, 8> st = {};  // from the top of the stack; also mm0 to mm7
  uint32_t mxcsr = 0;
  std::array<std::array<uint8_t, 16>, 8> xmm = {};
};

// The end state. Code always ends with an exception.
struct Outcome {
  CpuState cpu;
  FpuState fpu;  // only if requested
  uint32_t vector = 0;
  uint32_t error_code = 0;
  uint32_t cr2 = 0;  // only for vector 14
};

inline constexpr uint32_t kFxsaveSize = 512;
FpuState DecodeFxsave(const uint8_t* image);

// The virtual memory layout of user code, on every CPU.
inline constexpr uint32_t kPage = 4096;
inline constexpr uint32_t kCodeAddress = 0x08048000;  // kCodePages, readable and executable
inline constexpr uint32_t kCodePages = 4;
inline constexpr uint32_t kDataAddress = 0x10000000;  // two writable pages, then a read-only page
inline constexpr uint32_t kDataPages = 3;
inline constexpr uint32_t kWritableDataPages = 2;
inline constexpr uint32_t kStackAddress = 0x20000000;
inline constexpr uint32_t kStackPages = 2;

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DIFFERENTIAL_CPU_STATE_H_
