// The breakpoints and watchpoints of the software CPU.
//
// An instruction with a breakpoint is the first of its block, and that block refuses to run
// (InstructionCounter::Block). The library's loop then finds that the guest is at a breakpoint. To
// pass it, the loop runs the instruction as a block of its own, which does not refuse.
//
// A page with a watchpoint is marked in the library's TLB, so that each access to it asks whether
// it is watched. The CPU goes back to the start of an instruction that makes such an access, and
// runs it once more, up to its end.

#ifndef HOSTSIM_SOFTCPU_DEBUG_POINTS_H_
#define HOSTSIM_SOFTCPU_DEBUG_POINTS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "hostsim/debug_stops.h"

namespace lguest::hostsim {

class DebugPoints {
 public:
  bool empty() const { return breakpoints_.empty() && watchpoints_.empty(); }

  // Returns true if translated code must be discarded.
  bool AddBreakpoint(uint32_t address) {
    breakpoints_.insert(address);
    return armed_.insert(address).second;
  }
  // Code that refuses to run at the address stays: a debugger often sets the breakpoint again.
  void RemoveBreakpoint(uint32_t address) { breakpoints_.erase(address); }

  bool IsBreakpoint(uint32_t address) const { return breakpoints_.contains(address); }
  // Blocks start at the address and refuse to run.
  bool IsArmed(uint32_t address) const { return armed_.contains(address); }

  void AddWatchpoint(const Watchpoint& watchpoint) { watchpoints_.push_back(watchpoint); }
  void RemoveWatchpoint(const Watchpoint& watchpoint) { std::erase(watchpoints_, watchpoint); }

  // True if any of the bytes is watched, for any access.
  bool IsWatched(uint64_t address, uint64_t len) const;
  // The first byte of an access that is watched.
  std::optional<uint32_t> WatchedByte(uint32_t address, uint32_t len, bool is_write) const;

 private:
  std::set<uint32_t> breakpoints_;
  std::set<uint32_t> armed_;  // and those that were removed
  std::vector<Watchpoint> watchpoints_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_DEBUG_POINTS_H_
