// Loading segment registers of the software CPU.

#ifndef HOSTSIM_SOFTCPU_SEGMENT_REGISTERS_H_
#define HOSTSIM_SOFTCPU_SEGMENT_REGISTERS_H_

#include <cstdint>

#include "hostsim/softcpu/host_area.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {

// The library's number of a segment register.
constexpr int SegmentIndex(Register reg) {
  return static_cast<int>(reg) - static_cast<int>(Register::kEs);
}

// Loads one with the descriptor that `selector` names, without the checks of the instruction.
inline void LoadSegment(UnicornInternals& unicorn, const HostArea& host_area, int index,
                        uint16_t selector) {
  unicorn.set_segment(index, DecodeSegment(selector, host_area.Descriptor(selector)));
}

// What the library derives from the segment registers when it loads them itself; once after all
// that are loaded.
void DeriveHflags(UnicornInternals& unicorn);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_SEGMENT_REGISTERS_H_
