#include "hostsim/softcpu/debug_points.h"

namespace lguest::hostsim {
namespace {

bool Overlap(const Watchpoint& watchpoint, uint64_t address, uint64_t len) {
  return address < uint64_t{watchpoint.address} + watchpoint.len &&
         watchpoint.address < address + len;
}

}  // namespace

bool DebugPoints::IsWatched(uint64_t address, uint64_t len) const {
  return std::any_of(watchpoints_.begin(), watchpoints_.end(),
                     [&](const Watchpoint& it) { return Overlap(it, address, len); });
}

std::optional<uint32_t> DebugPoints::WatchedByte(uint32_t address, uint32_t len,
                                                 bool is_write) const {
  for (const Watchpoint& it : watchpoints_) {
    if ((is_write ? it.writes : it.reads) && Overlap(it, address, len)) {
      return std::max(address, it.address);
    }
  }
  return std::nullopt;
}

}  // namespace lguest::hostsim
