// A bare i386, as a software host needs it: it runs guest code and knows nothing of lguest.

#ifndef HOSTSIM_VCPU_H_
#define HOSTSIM_VCPU_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/hypercall_accelerator.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest::hostsim {

enum class Register : uint8_t {
  // In the order of the instruction encoding.
  kEax,
  kEcx,
  kEdx,
  kEbx,
  kEsp,
  kEbp,
  kEsi,
  kEdi,
  kEip,
  kEflags,
  kEs,
  kCs,
  kSs,
  kDs,
  kFs,
  kGs,
};

// What stopped the guest's code. Registers are those the processor would push: %eip of the faulting
// instruction, or of the one after an `int n`.
struct Trap {
  enum class Kind : uint8_t {
    kException,          // vector, error_code (0 where the vector has none), cr2 for vector 14
    kSoftwareInterrupt,  // `int n` (also int3, into) with vector n, whatever the privilege of the
                         // caller
    kBadPageDirectoryEntry,  // a present entry with a page frame or flags that no guest may use
    kBadPageTableEntry,
    kHostAreaDamaged,  // the guest has destroyed what the CPU keeps above 0xFFC00000: it cannot go
                       // on
  };

  Kind kind = Kind::kException;
  uint8_t vector = 0;
  uint32_t error_code = 0;
  uint32_t cr2 = 0;
};

class TrapHandler {
 public:
  virtual ~TrapHandler() = default;

  // Called inside Vcpu::Run(), on its thread, whenever the guest traps. May read and change
  // everything of the CPU. True: the guest goes on; false: Run() returns.
  virtual bool OnTrap(const Trap& trap) = 0;
};

// One i386 that runs guest code at ring 1 and ring 3 on the guest's own page tables.
//
// The last page-directory entry belongs to the host: the area above 0xFFC00000 shows the guest
// nothing that ring 3 may use, and nothing that ring 1 may write to the harm of anybody but itself.
// CR0.WP is set. `in` and `out` trap with
// #GP(0). Guest memory that the page tables name is checked against the memory's size.
//
// Belongs to one thread, but for Kick().
class Vcpu {
 public:
  enum class Stop : uint8_t {
    kHandler,  // the handler returned false
    kKicked,   // Kick() was called, before or during the run
  };

  virtual ~Vcpu() = default;

  // Prepares a guest whose kernel lives at virtual addresses from `page_offset`: page directory
  // loaded, all registers 0. Once, before all else.
  virtual absl::Status Start(GuestPhys page_directory, uint32_t page_offset) = 0;

  // Runs the guest and tells `handler` of each trap. Fails with Internal when the CPU itself does.
  virtual absl::StatusOr<Stop> Run(TrapHandler& handler) = 0;

  // Makes the current Run(), or else the next one, return kKicked soon. From any thread, also a
  // signal-free one; kicks are not counted.
  virtual void Kick() = 0;

  virtual uint32_t Get(Register reg) const = 0;

  // A segment register is loaded with the descriptor that its selector names in the current GDT,
  // without the checks of the instruction: the caller vouches for it. %cs carries the privilege
  // level.
  virtual void Set(Register reg, uint32_t value) = 0;

  // All 32 descriptors, as the guest is to have them.
  virtual void SetGdt(std::span<const uint64_t, kGdtEntries> gdt) = 0;

  // CR0.TS: the next FPU instruction traps with vector 7.
  virtual void SetTaskSwitched(bool on) = 0;

  // CR3, and the TLB as it has to be after that.
  virtual void SetPageDirectory(GuestPhys page_directory) = 0;
  virtual GuestPhys page_directory() const = 0;

  // The guest changed page tables: forget what the TLB holds of them. `directory` may be another
  // than the current one.
  virtual void FlushTlb() = 0;
  virtual void FlushUserTlb() = 0;  // below page_offset only
  virtual void FlushPage(GuestPhys directory, GuestVirt page) = 0;
  virtual void FlushDirectoryEntry(GuestPhys directory, uint32_t index) = 0;

  // ---- Fast paths. A CPU may do without them and tell the trap handler of everything.

  // What the CPU may do by itself from now on. False if it never will: then the other two are not
  // called.
  virtual bool SetPolicy(const AcceleratorPolicy& /*paths*/) { return false; }

  // The state of which the fast paths are part: given to the CPU each time before the guest goes
  // on, and asked back each time after it has stopped; nullopt if it is as it was. The guest may
  // have put anything there. `interrupt_waits` for the guest to let it in, which it does by a plain
  // store: a CPU for which traps are cheap leaves all of them to the host then, so that it looks.
  virtual void HandOver(const AcceleratorState& /*state*/, bool /*interrupt_waits*/) {}
  virtual std::optional<AcceleratorState> TakeBack() { return std::nullopt; }
};

// The privilege level at which `cpu` runs guest code.
inline uint32_t PrivilegeLevel(const Vcpu& cpu) { return cpu.Get(Register::kCs) & 3; }

}  // namespace lguest::hostsim

#endif  // HOSTSIM_VCPU_H_
