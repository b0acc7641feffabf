// The interface of a CPU that stops where a debugger wants it to.

#ifndef HOSTSIM_DEBUG_STOPS_H_
#define HOSTSIM_DEBUG_STOPS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "launcher/guest/address.h"

namespace lguest::hostsim {

// Bytes of the guest's virtual memory whose accesses stop the CPU.
struct Watchpoint {
  uint32_t address = 0;
  uint32_t len = 0;  // above 0
  bool reads = false;
  bool writes = false;

  bool operator==(const Watchpoint&) const = default;
};

// Why Vcpu::Run() returned Stop::kDebug.
struct DebugHit {
  enum class Kind : uint8_t {
    kInstruction,  // before the instruction at `address`
    kAccess,       // after the instruction that accessed the byte at `address`
  };

  Kind kind = Kind::kInstruction;
  uint32_t address = 0;
  bool is_write = false;  // of a watchpoint
};

// A CPU offers this by Vcpu::debug_stops(). Called on the thread that owns the CPU, outside Run()
// or where the host handles a stop. Breakpoints and watchpoints change nothing that the guest can
// see.
class DebugStops {
 public:
  virtual ~DebugStops() = default;

  // Virtual addresses. Any number; the page need not be mapped. Idempotent.
  virtual void SetBreakpoint(uint32_t address) = 0;
  virtual void RemoveBreakpoint(uint32_t address) = 0;

  // The stores of the host, such as the frame that it pushes for a trap, are not watched.
  virtual void SetWatchpoint(const Watchpoint& watchpoint) = 0;
  virtual void RemoveWatchpoint(const Watchpoint& watchpoint) = 0;

  // The next instruction begins even if it has a breakpoint.
  virtual void PassBreakpoint() = 0;

  // The last stop.
  virtual DebugHit hit() const = 0;

  // Reads guest memory at a virtual address, as the guest's kernel sees it, without setting
  // accessed bits. Returns how many bytes could be read, up to the first page that is not mapped.
  virtual size_t Peek(GuestVirt address, std::span<std::byte> to) = 0;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_DEBUG_STOPS_H_
