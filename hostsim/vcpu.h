// A bare i386 that runs guest code at ring 1 and ring 3.

#ifndef HOSTSIM_VCPU_H_
#define HOSTSIM_VCPU_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/i386/fpu_registers.h"
#include "hostsim/i386/page_walk.h"
#include "hostsim/i386/registers.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

class CountedRuns;
class DebugStops;
class HypercallAccelerator;

// What stopped the guest's code. Registers are those that the processor would push: %eip of the
// faulting instruction, or of the instruction after an `int n`.
struct Trap {
  enum class Kind : uint8_t {
    kException,              // vector, error_code (0 for a vector without one), cr2 for vector 14
    kSoftwareInterrupt,      // vector; an `int n`, int3 or into, before any check of its gate
    kBadPageDirectoryEntry,  // a present entry has a frame or flags that no guest may use
    kBadPageTableEntry,
    kHostAreaDamaged,  // the guest overwrote the host area (above 0xFFC00000) and cannot continue
  };

  Kind kind = Kind::kException;
  uint8_t vector = 0;
  uint32_t error_code = 0;
  uint32_t cr2 = 0;
  GuestPhys frame =
      {};  // of kBadPageTableEntry: what the entry of cr2 names, if its flags are good
};

class TrapHandler {
 public:
  virtual ~TrapHandler() = default;

  // Called inside Vcpu::Run(), on its thread, for each trap of the guest. May read and change all
  // state of the CPU. Returns true to continue the guest, false to make Run() return.
  virtual bool OnTrap(const Trap& trap) = 0;
};

// One i386 that runs guest code on the guest's own page tables.
//
// The last page directory entry belongs to the host (ABI.md §4.16). Ring 3 cannot access the area
// above 0xFFC00000. If ring 1 can write there, the write can harm only the guest itself. CR0.WP is
// set. `in` and `out` are #GP(0). Each guest-physical address in a page table is checked against
// the size of the memory.
//
// Belongs to one thread, except Kick().
class Vcpu {
 public:
  static constexpr uint32_t kGdtEntries = 32;

  enum class Stop : uint8_t {
    kHandler,  // the handler returned false
    kKicked,   // Kick() was called before or during the run
    kCount,    // the count of CountedRuns::StopAt() is reached
    kDebug,    // a breakpoint or watchpoint of DebugStops
  };

  virtual ~Vcpu() = default;

  // Prepares a guest whose kernel is linked at virtual addresses from `page_offset`: loads the page
  // directory and sets all registers to 0. Call it before all other functions, on the thread that
  // will call Run(), and again to start another guest.
  virtual absl::Status Start(GuestPhys page_directory, uint32_t page_offset) = 0;

  // Runs the guest and passes each trap to `handler`. Fails with Internal when the CPU itself
  // fails.
  virtual absl::StatusOr<Stop> Run(TrapHandler& handler) = 0;

  // Makes the current Run(), or else the next one, return kKicked soon. From any thread, but not
  // from a signal handler. Kicks are not counted.
  virtual void Kick() = 0;

  virtual uint32_t Get(Register reg) const = 0;

  // A segment register is loaded with the descriptor that its selector names in the current GDT,
  // without the checks of the instruction: the caller has made them. %cs carries the privilege
  // level.
  virtual void Set(Register reg, uint32_t value) = 0;

  // Sets all descriptors. The caller has sanitized them.
  virtual void SetGdt(std::span<const uint64_t, kGdtEntries> gdt) = 0;

  // From now on the guest has page tables of another format, or another page offset. Flushes the
  // TLB. Unimplemented if the CPU has only what Start() sets: two-level tables with the flags of
  // ABI.md §4.5.
  struct AddressSpace {
    uint32_t page_offset = 0;
    PagingFormat format = PagingFormat::kTwoLevel;
    uint32_t bad_table_entry_flags = kBadTableEntryFlags;
  };
  virtual absl::Status SetAddressSpace(const AddressSpace& /*space*/) {
    return absl::UnimplementedError("this CPU runs guests of Linux 2.6.23 only");
  }

  // CR0.TS: the next FPU instruction traps with vector 7.
  virtual void SetTaskSwitched(bool on) = 0;

  // CR3; flushes the TLB as the processor does.
  virtual void SetPageDirectory(GuestPhys page_directory) = 0;
  virtual GuestPhys page_directory() const = 0;

  // Flush the TLB after the guest has changed page tables. `directory` may differ from the current
  // directory.
  virtual void FlushTlb() = 0;
  virtual void FlushUserTlb() = 0;  // below page_offset only
  virtual void FlushPage(GuestPhys directory, GuestVirt page) = 0;
  virtual void FlushDirectoryEntry(GuestPhys directory, uint32_t index) = 0;

  // The registers of the FPU and of SSE; nullopt if the CPU cannot tell.
  virtual std::optional<FpuRegisters> fpu() const { return std::nullopt; }

  // What the CPU can serve in place of the host; nullptr if nothing. Lives as long as the CPU.
  virtual HypercallAccelerator* accelerator() { return nullptr; }

  // The exact count of the guest's instructions; nullptr if the CPU does not count. Lives as long
  // as the CPU.
  virtual CountedRuns* counted() { return nullptr; }

  // Stops for a debugger; nullptr if the CPU has none. Lives as long as the CPU.
  virtual DebugStops* debug_stops() { return nullptr; }
};

// The privilege level at which `cpu` runs guest code.
inline uint32_t PrivilegeLevel(const Vcpu& cpu) { return cpu.Get(Register::kCs) & 3; }

}  // namespace lguest::hostsim

#endif  // HOSTSIM_VCPU_H_
