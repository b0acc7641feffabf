// How a guest enters a handler of its kernel, as a pure function.

#ifndef HOSTSIM_TRAP_ENTRY_H_
#define HOSTSIM_TRAP_ENTRY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hostsim/i386/constants.h"
#include "hostsim/i386/gate.h"
#include "launcher/guest/abi.h"

namespace lguest::hostsim {

// The guest when it traps.
struct TrapContext {
  uint32_t cs = 0;
  uint32_t ss = 0;
  uint32_t esp = 0;
  uint32_t eip = 0;  // of the faulting instruction, or of the one after an `int n`
  uint32_t eflags = 0;

  // The ring-1 stack for entries from ring 3 (ABI.md §4.7).
  uint32_t kernel_ss = kGuestKernelDs;
  uint32_t kernel_esp = 0;

  bool irqs_enabled = true;  // bit 0x200 of lguest_data.irq_enabled; true before LGUEST_INIT
};

// The guest at the first instruction of the handler. %cs is kGuestKernelCs.
class TrapEntry {
 public:
  // The words that the entry pushes, in the order of their addresses: [error code,] %eip, %cs,
  // EFLAGS [, %esp, %ss]. They end where the stack was.
  std::span<const uint32_t> frame() const { return std::span(words_).subspan(first_); }
  uint32_t frame_size() const { return static_cast<uint32_t>(frame().size_bytes()); }

  uint32_t ss = 0;
  uint32_t esp = 0;  // of frame()[0]; wraps around like the processor's
  uint32_t eip = 0;
  uint32_t eflags = 0;
  bool disables_irqs = false;  // lguest_data.irq_enabled becomes 0

 private:
  friend TrapEntry MakeTrapEntry(const TrapContext& context, const Gate& gate,
                                 std::optional<uint32_t> error_code);

  void Push(uint32_t word) { words_[--first_] = word; }

  std::array<uint32_t, 6> words_;
  size_t first_ = words_.size();
};

// ABI.md §4.15. The processor's own IF is always set while a guest runs. The IF of the pushed
// EFLAGS is the virtual one, from lguest_data.irq_enabled.
//
// Every C++ path enters handlers this way. The switcher's assembly does the same; a test runs one
// table of cases through both.
inline TrapEntry MakeTrapEntry(const TrapContext& context, const Gate& gate,
                               std::optional<uint32_t> error_code) {
  TrapEntry entry;
  const bool from_user = (context.cs & 3) != 1;
  if (from_user) {
    entry.Push(context.ss);
    entry.Push(context.esp);
  }
  entry.Push(context.irqs_enabled ? context.eflags : context.eflags & ~kInterruptFlag);
  entry.Push(context.cs);
  entry.Push(context.eip);
  if (error_code.has_value()) entry.Push(*error_code);

  entry.ss = from_user ? context.kernel_ss : context.ss;
  entry.esp = (from_user ? context.kernel_esp : context.esp) - entry.frame_size();
  entry.eip = gate.handler.value();
  entry.eflags = context.eflags & ~kEflagsClearedByTrap;
  entry.disables_irqs = gate.disables_interrupts;
  return entry;
}

}  // namespace lguest::hostsim

#endif  // HOSTSIM_TRAP_ENTRY_H_
