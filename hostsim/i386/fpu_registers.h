// The registers of an i386's floating-point units.

#ifndef HOSTSIM_I386_FPU_REGISTERS_H_
#define HOSTSIM_I386_FPU_REGISTERS_H_

#include <array>
#include <cstdint>

namespace lguest::hostsim {

struct FpuRegisters {
  struct Extended {  // an 80-bit number
    uint64_t significand = 0;
    uint16_t sign_and_exponent = 0;

    bool operator==(const Extended&) const = default;
  };

  uint16_t control = 0;
  uint16_t status = 0;             // bits 11 to 13: which register is the top of the stack
  uint16_t tags = 0;               // two bits for each register
  std::array<Extended, 8> r = {};  // the registers, not the stack
  std::array<std::array<uint32_t, 4>, 8> xmm = {};
  uint32_t mxcsr = 0;

  bool operator==(const FpuRegisters&) const = default;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_FPU_REGISTERS_H_
