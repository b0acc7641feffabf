// Loads segment registers of the software CPU.

#ifndef HOSTSIM_SOFTCPU_SEGMENT_REGISTERS_H_
#define HOSTSIM_SOFTCPU_SEGMENT_REGISTERS_H_

#include <cstdint>

#include "hostsim/softcpu/host_area.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "hostsim/vcpu.h"

namespace lguest::hostsim {

// The index of a segment register in CPUX86State::segs.
constexpr int SegmentIndex(Register reg) {
  return static_cast<int>(reg) - static_cast<int>(Register::kEs);
}

// Loads segment register `index` with the descriptor of `selector`, without the checks of the
// instruction.
inline void LoadSegment(UnicornInternals& unicorn, const HostArea& host_area, int index,
                        uint16_t selector) {
  unicorn.set_segment(index, DecodeSegment(selector, host_area.Descriptor(selector)));
}

// Updates the bits of hflags that depend on the segment registers. The library does this when it
// loads a segment register itself. Call it once after all LoadSegment() calls.
void DeriveHflags(UnicornInternals& unicorn);

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_SEGMENT_REGISTERS_H_
