// An i386 in software.

#ifndef HOSTSIM_SOFTCPU_SOFT_CPU_H_
#define HOSTSIM_SOFTCPU_SOFT_CPU_H_

#include <unicorn/unicorn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/i386/page_walk.h"
#include "hostsim/softcpu/host_area.h"
#include "hostsim/softcpu/trap_accelerator.h"
#include "hostsim/softcpu/unicorn_internals.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// A Vcpu on the Unicorn library, which translates guest code to the launcher's own processor. Runs
// anywhere: needs no kernel module, no KVM and no privilege.
//
// Knows what code it has translated, and so has to hear of every write to guest memory: it is the
// memory's observer for as long as it lives.
//
// Where it is not an i386: segment limits are not checked, and neither are accesses through a null
// selector; alignment checking does nothing; iret with EFLAGS.VM in the image is #GP(0). cmpxchg8b
// sets the zero flag right, but may change the other status flags, as does a neg with a lock
// prefix. pusha writes its lowest word first, so that a page fault may name another of its words;
// enter does not ask for stack that it does not write to, and writes all of %ebp with a 16-bit
// operand.
class SoftCpu : public Vcpu, private WriteObserver, private UnicornClient {
 public:
  // `memory` (placed anywhere) has to outlive the CPU. Fails with InvalidArgument for memory placed
  // at address 0, with FailedPrecondition if the linked library is not the one that this is made
  // for, and with Internal or ResourceExhausted if the library cannot be set up.
  static absl::StatusOr<std::unique_ptr<SoftCpu>> Create(GuestMemory& memory);
  static absl::StatusOr<std::unique_ptr<SoftCpu>> Create(GuestMemory& memory,
                                                         const UnicornLayout& layout);
  ~SoftCpu() override;

  absl::Status Start(GuestPhys page_directory, uint32_t page_offset) override;
  absl::StatusOr<Stop> Run(TrapHandler& handler) override;
  void Kick() override;

  uint32_t Get(Register reg) const override;
  void Set(Register reg, uint32_t value) override;
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt) override;
  void SetTaskSwitched(bool on) override;

  void SetPageDirectory(GuestPhys page_directory) override;
  GuestPhys page_directory() const override { return directory_; }
  void FlushTlb() override;
  void FlushUserTlb() override;
  void FlushPage(GuestPhys directory, GuestVirt page) override;
  void FlushDirectoryEntry(GuestPhys directory, uint32_t index) override;

  HypercallAccelerator* accelerator() override { return trap_accelerator_.get(); }

 private:
  explicit SoftCpu(GuestMemory& memory) : memory_(memory) {}

  absl::Status Open(const UnicornLayout& layout);
  void SetSegment(Register reg, uint16_t selector);
  bool SameKernelHalf(GuestPhys a, GuestPhys b) const;
  Trap PageFault(uint32_t error_code) const;
  bool ExecuteLoop();
  uint8_t CodeByte(int n) const;

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
  // The host's pages, which the library knows at physical addresses above all that a guest has.
  std::unique_ptr<std::byte[], Free> host_pages_;
  std::unique_ptr<uc_engine, Close> uc_;
  std::unique_ptr<UnicornInternals> unicorn_;
  std::unique_ptr<HostArea> host_area_;
  std::unique_ptr<TrapAccelerator> trap_accelerator_;

  std::atomic<bool> kicked_ = false;
  TrapHandler* handler_ = nullptr;  // inside Run()
  bool handler_stopped_ = false;

  GuestPhys directory_;
  uint32_t page_offset_ = 0;
  uint32_t cr0_ = 0;

  // What the last TLB miss that faulted was about.
  uint32_t fault_address_ = 0;
  Access fault_access_ = Access::kRead;
  Translation::Result fault_result_ = Translation::Result::kFault;
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_SOFTCPU_SOFT_CPU_H_
