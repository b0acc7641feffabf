#include "hostsim/softcpu/segment_registers.h"

#include "hostsim/i386/descriptor.h"

namespace lguest::hostsim {

void DeriveHflags(UnicornInternals& unicorn) {
  const auto segment = [&](Register reg) { return unicorn.segment(SegmentIndex(reg)); };
  const auto is_big = [](const LoadedSegment& s) { return (s.flags & kDescriptorBig) != 0; };
  const LoadedSegment cs = segment(Register::kCs);
  const LoadedSegment ss = segment(Register::kSs);
  // The guest never runs at ring 0, even with an RPL of 0.
  const uint32_t privilege = (cs.selector & 3) != 0 ? cs.selector & 3 : 1;
  const bool all_start_at_0 =
      (segment(Register::kDs).base | segment(Register::kEs).base | ss.base) == 0;
  constexpr uint32_t kDerived =
      kHflagsPrivilege | kHflagsCode32 | kHflagsStack32 | kHflagsAddSegment;
  unicorn.set_hflags((unicorn.hflags() & ~kDerived) | privilege | (is_big(cs) ? kHflagsCode32 : 0) |
                     (is_big(ss) ? kHflagsStack32 : 0) |
                     (is_big(cs) && all_start_at_0 ? 0 : kHflagsAddSegment));
}

}  // namespace lguest::hostsim
