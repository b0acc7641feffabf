// A software CPU: an i386 on the Unicorn library.

#ifndef HOSTSIM_SOFTCPU_SOFT_CPU_H_
#define HOSTSIM_SOFTCPU_SOFT_CPU_H_

#include <unicorn/unicorn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/debug_stops.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/i386/page_walk.h"
#include "hostsim/softcpu/host_area.h"
#include "hostsim/softcpu/trap_accelerator.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

struct SoftCpuOptions {
  // The CPU offers Vcpu::counted(). This costs a guest up to an eighth of its speed, and a kick
  // takes effect within InstructionCounter::kPollInterval instructions.
  bool counts_instructions = false;

  // Discards translated code when it takes more bytes than this.
  size_t code_limit = UnicornInternals::kMaxCode;

  // Where the library's fields lie. Creation fails with any other layout than the default one.
  UnicornLayout layout = {};
};

// A Vcpu on the Unicorn library, which translates guest code to x86-64 code. It needs no kernel
// module, no KVM and no privilege.
//
// The CPU caches translated code, so it must see every write to guest memory. It is the write
// observer of the memory during its whole lifetime.
//
// Differences from an i386:
//   - Segment limits are not checked. Accesses through a null selector are allowed.
//   - Alignment checks (EFLAGS.AC) have no effect.
//   - iret with EFLAGS.VM set in the image is #GP(0).
//   - cmpxchg8b and `lock neg` may change status flags that a processor keeps; the zero flag of
//     cmpxchg8b is correct.
//   - pusha writes its lowest word first, so a page fault may report the address of another word.
//   - enter does not probe stack memory that it does not write, and with a 16-bit operand it writes
//     all of %ebp.
class SoftCpu : public Vcpu, private DebugStops, private WriteObserver, private UnicornClient {
 public:
  // `memory` must outlive the CPU. Its placement is free, except address 0. Fails with
  // InvalidArgument for memory at address 0, with FailedPrecondition if the linked library is not
  // Unicorn 2.0.1, and with Internal or ResourceExhausted if the library cannot be initialized.
  static absl::StatusOr<std::unique_ptr<SoftCpu>> Create(GuestMemory& memory,
                                                         const SoftCpuOptions& options = {});
  ~SoftCpu() override;

  absl::Status Start(GuestPhys page_directory, uint32_t page_offset) override;
  absl::StatusOr<Stop> Run(TrapHandler& handler) override;
  void Kick() override;

  uint32_t Get(Register reg) const override;
  void Set(Register reg, uint32_t value) override;
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt) override;
  absl::Status SetAddressSpace(const AddressSpace& space) override;
  void SetTaskSwitched(bool on) override;

  void SetPageDirectory(GuestPhys page_directory) override;
  GuestPhys page_directory() const override { return tables_.directory; }
  void FlushTlb() override;
  void FlushUserTlb() override;
  void FlushPage(GuestPhys directory, GuestVirt page) override;
  void FlushDirectoryEntry(GuestPhys directory, uint32_t index) override;

  std::optional<FpuRegisters> fpu() const override;
  HypercallAccelerator* accelerator() override { return trap_accelerator_.get(); }
  CountedRuns* counted() override { return unicorn_->counter(); }
  DebugStops* debug_stops() override;

 private:
  explicit SoftCpu(GuestMemory& memory) : memory_(memory) {}

  absl::Status Open(const SoftCpuOptions& options);
  void SetSegment(Register reg, uint16_t selector);
  void SetPageOffset(uint32_t page_offset);
  bool SameKernelHalf(GuestPhys a, GuestPhys b) const;
  Trap PageFault(uint32_t error_code) const;
  bool GuestMapsHostArea() const;
  bool ExecuteLoop();
  uint8_t CodeByte(int n) const;

  // DebugStops.
  void SetBreakpoint(uint32_t address) override;
  void RemoveBreakpoint(uint32_t address) override;
  void SetWatchpoint(const Watchpoint& watchpoint) override;
  void RemoveWatchpoint(const Watchpoint& watchpoint) override;
  void PassBreakpoint() override;
  DebugHit hit() const override { return unicorn_->hit(); }
  size_t Peek(GuestVirt address, std::span<std::byte> to) override;

  // WriteObserver.
  void OnWrite(GuestPhys addr, uint32_t len) override;

  // UnicornClient.
  TlbFill FillTlb(uint32_t address, Access access, bool user) override;
  bool ShouldStop() override { return kicked_.load(); }
  bool OnException(uint8_t vector, bool software, uint32_t error_code) override;
  CpuidResult Cpuid(uint32_t leaf) override;

  struct Free {
    void operator()(std::byte* pages) const;
  };
  struct Close {
    void operator()(uc_engine* uc) const { uc_close(uc); }
  };

  GuestMemory& memory_;
  // Pages of the host area. Their physical addresses start at 4 GB, above all guest memory.
  std::unique_ptr<std::byte[], Free> host_pages_;
  std::unique_ptr<uc_engine, Close> uc_;
  std::unique_ptr<UnicornInternals> unicorn_;
  std::unique_ptr<HostArea> host_area_;
  std::unique_ptr<TrapAccelerator> trap_accelerator_;

  std::atomic<bool> kicked_ = false;
  TrapHandler* handler_ = nullptr;  // valid inside Run()
  bool handler_stopped_ = false;

  PageTables tables_;
  uint32_t page_offset_ = 0;
  uint32_t cr0_ = 0;

  // The last TLB miss that faulted.
  uint32_t fault_address_ = 0;
  Access fault_access_ = Access::kRead;
  Translation::Result fault_result_ = Translation::Result::kFault;
  GuestPhys fault_frame_;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_SOFT_CPU_H_
