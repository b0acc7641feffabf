// An i386 by hardware virtualization.

#ifndef HOSTSIM_KVM_KVM_VCPU_H_
#define HOSTSIM_KVM_KVM_VCPU_H_

#include <linux/kvm.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostsim/hypercall_accelerator.h"
#include "hostsim/kvm/kick_signal.h"
#include "hostsim/kvm/kvm_fd.h"
#include "hostsim/kvm/switcher.h"
#include "hostsim/vcpu.h"
#include "launcher/guest/address.h"
#include "launcher/guest/guest_memory.h"

namespace lguest::hostsim {

// A Vcpu on KVM. The guest runs on its own page tables, at the machine's own speed; a switcher in
// ring 0 of its virtual machine takes its traps, and serves what the accelerator's policy allows.
//
// While the guest is stopped its registers lie in the switcher's frame, so that most of what is
// called here is a few plain stores.
//
// Where it is not quite what Vcpu promises: a page directory entry that names no memory gives a
// page fault instead of kBadPageDirectoryEntry, and flags that a page table entry may not have are
// not noticed. A guest that writes over the last entry of its page directory, or makes itself a
// mapping of the switcher's memory and changes that, gives kHostAreaDamaged or hurts itself.
class KvmVcpu final : public Vcpu, private HypercallAccelerator {
 public:
  // `memory` has to outlive the CPU. Fails with InvalidArgument for memory that reaches into the
  // last 4 MB below 4 GB, and otherwise as the kernel does.
  static absl::StatusOr<std::unique_ptr<KvmVcpu>> Create(KvmMachine machine, GuestMemory& memory);
  ~KvmVcpu() override;

  absl::Status Start(GuestPhys page_directory, uint32_t page_offset) override;
  absl::StatusOr<Stop> Run(TrapHandler& handler) override;
  void Kick() override;

  uint32_t Get(Register reg) const override;
  void Set(Register reg, uint32_t value) override;
  void SetGdt(std::span<const uint64_t, kGdtEntries> gdt) override;
  void SetTaskSwitched(bool on) override;

  void SetPageDirectory(GuestPhys page_directory) override;
  GuestPhys page_directory() const override { return GuestPhys(switcher_->state().directory); }
  void FlushTlb() override;
  void FlushUserTlb() override { FlushTlb(); }
  void FlushPage(GuestPhys directory, GuestVirt page) override;
  void FlushDirectoryEntry(GuestPhys directory, uint32_t index) override;

  HypercallAccelerator* accelerator() override { return this; }

  // How often the guest has left KVM for the launcher.
  uint64_t exits() const { return exits_; }

 private:
  KvmVcpu(KvmMachine machine, GuestMemory& memory)
      : memory_(memory), machine_(std::move(machine)) {}

  // HypercallAccelerator.
  void SetPolicy(const AcceleratorPolicy& policy) override;
  void SetState(const AcceleratorState& state, bool irq_pending) override;
  std::optional<AcceleratorState> TakeState() override;

  absl::Status Open();
  absl::Status SetCpuid();
  absl::Status AddMemory(uint32_t slot, uint32_t guest_address, void* memory, uint32_t size);

  // Lets the guest go until it traps (the trap) or has been interrupted (nullopt).
  absl::StatusOr<std::optional<Trap>> RunOnce(pid_t thread);
  absl::StatusOr<std::optional<Trap>> HandleInterruption();
  void MaskEflags();
  // The trap that the guest is stopped at.
  Trap TrapFromFrame();
  // What ended KVM_RUN otherwise: the guest's end, or a failure of KVM's.
  absl::StatusOr<Trap> UnexpectedExit() const;

  GuestMemory& memory_;
  std::unique_ptr<Switcher> switcher_;
  const KvmMachine machine_;
  kvm_run* run_ = nullptr;
  size_t run_size_ = 0;

  bool registers_in_frame_ = false;  // the guest's registers are
  bool bad_directory_ = false;
  uint32_t page_offset_ = 0;
  uint64_t exits_ = 0;

  KickTimer switcher_timer_;
  std::atomic<bool> kicked_ = false;
  std::atomic<pid_t> running_thread_ = 0;  // the one inside KVM_RUN
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KVM_VCPU_H_
