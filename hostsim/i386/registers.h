// The registers of an i386 that user code and kernel code share.

#ifndef HOSTSIM_I386_REGISTERS_H_
#define HOSTSIM_I386_REGISTERS_H_

#include <cstdint>

namespace lguest::hostsim {

// General and segment registers are in the order of the instruction encoding.
enum class Register : uint8_t {
  kEax,
  kEcx,
  kEdx,
  kEbx,
  kEsp,
  kEbp,
  kEsi,
  kEdi,
  kEip,
  kEflags,
  kEs,
  kCs,
  kSs,
  kDs,
  kFs,
  kGs,
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_REGISTERS_H_
