// Entries of an interrupt descriptor table.

#ifndef HOSTSIM_I386_GATE_H_
#define HOSTSIM_I386_GATE_H_

#include <cstdint>

#include "launcher/guest/address.h"

namespace lguest::hostsim {

// Types of 32-bit gates that enter a handler. An interrupt gate turns interrupts off.
inline constexpr uint32_t kInterruptGate = 0xe;
inline constexpr uint32_t kTrapGate = 0xf;

// A gate that enters a handler of the guest.
struct Gate {
  GuestVirt handler;
  uint8_t privilege = 0;             // the outermost ring that may use it with `int n`
  bool disables_interrupts = false;  // an interrupt gate
  bool present = false;
};

// Bits of an entry's upper word.
inline constexpr uint32_t kGatePresent = 0x8000;
constexpr uint32_t GateType(uint32_t high) { return high >> 8 & 0xf; }

// `high` is present, and its type is one of the above.
constexpr Gate DecodeGate(uint32_t low, uint32_t high) {
  return {.handler = GuestVirt((low & 0xffff) | (high & 0xffff0000)),
          .privilege = static_cast<uint8_t>(high >> 13 & 3),
          .disables_interrupts = GateType(high) == kInterruptGate,
          .present = true};
}

constexpr uint64_t EncodeGate(uint32_t handler, uint16_t selector, uint32_t type,
                              uint32_t privilege) {
  const uint32_t low = uint32_t{selector} << 16 | (handler & 0xffff);
  const uint32_t high = (handler & 0xffff0000) | kGatePresent | privilege << 13 | type << 8;
  return uint64_t{high} << 32 | low;
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_I386_GATE_H_
