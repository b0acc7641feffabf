// What the software CPU offers to a debugger.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hostsim/debug_stops.h"
#include "hostsim/i386/page_walk.h"
#include "hostsim/softcpu/soft_cpu.h"

namespace lguest::hostsim {

DebugStops* SoftCpu::debug_stops() { return unicorn_->counter() == nullptr ? nullptr : this; }

void SoftCpu::SetBreakpoint(uint32_t address) {
  if (!unicorn_->debug().AddBreakpoint(address)) return;
  const std::optional<GuestPhys> frame = PeekPageTables(memory_, tables_, GuestVirt(address));
  if (frame.has_value() && address >= page_offset_) {
    unicorn_->InvalidateCode(frame->value() + address % kPageSize, 1);
  } else {
    // Other address spaces may have other pages there.
    unicorn_->DiscardCode();
  }
}

void SoftCpu::RemoveBreakpoint(uint32_t address) { unicorn_->debug().RemoveBreakpoint(address); }

void SoftCpu::SetWatchpoint(const Watchpoint& watchpoint) {
  unicorn_->debug().AddWatchpoint(watchpoint);
  unicorn_->FlushAll();
}

void SoftCpu::RemoveWatchpoint(const Watchpoint& watchpoint) {
  unicorn_->debug().RemoveWatchpoint(watchpoint);
  unicorn_->FlushAll();
}

void SoftCpu::PassBreakpoint() { unicorn_->counter()->PassBreakpoint(); }

size_t SoftCpu::Peek(GuestVirt address, std::span<std::byte> to) {
  size_t done = 0;
  while (done < to.size()) {
    const uint32_t at = address.value() + static_cast<uint32_t>(done);
    const std::optional<GuestPhys> frame = PeekPageTables(memory_, tables_, GuestVirt(at));
    if (!frame.has_value()) break;
    const uint32_t offset = at % kPageSize;
    const size_t part = std::min<size_t>(kPageSize - offset, to.size() - done);
    if (!memory_.ReadBytes(GuestPhys(frame->value() + offset), to.subspan(done, part)).ok()) break;
    done += part;
  }
  return done;
}

}  // namespace lguest::hostsim
