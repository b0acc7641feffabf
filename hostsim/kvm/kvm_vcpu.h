// A CPU on KVM.

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

// A Vcpu on KVM. The guest uses its own page tables and runs at native speed. The switcher, at ring
// 0 of the virtual machine, handles the guest's traps, and serves those that the accelerator's
// policy allows.
//
// While the guest is stopped, its registers are in the switcher's frame. So most functions only
// read or write a few words.
//
// Differences from the contract of Vcpu:
//   - A page directory entry whose frame is outside guest memory causes a page fault instead of
//     kBadPageDirectoryEntry.
//   - Bad flags of a page table entry are not detected.
//   - A guest can overwrite the last entry of its page directory, or map and overwrite the
//     switcher's memory. Then Run() reports kHostAreaDamaged, or only the guest misbehaves.
class KvmVcpu final : public Vcpu, private HypercallAccelerator {
 public:
  // `memory` must outlive the CPU. Fails with InvalidArgument if it overlaps the last 4 MB below
  // 4 GB, and with the kernel's error if a system call fails.
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

  // The number of KVM_RUN calls.
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

  // Runs the guest until it traps or is interrupted. Returns the trap; nullopt if interrupted.
  absl::StatusOr<std::optional<Trap>> RunOnce();
  absl::StatusOr<std::optional<Trap>> HandleInterruption();
  void MaskEflags();
  // The trap in the switcher's frame.
  Trap TrapFromFrame();
  // The trap of any other exit of KVM_RUN; an error if KVM failed. Each of these traps kills the
  // guest.
  absl::StatusOr<Trap> UnexpectedExit() const;

  GuestMemory& memory_;
  std::unique_ptr<Switcher> switcher_;
  const KvmMachine machine_;
  kvm_run* run_ = nullptr;
  size_t run_size_ = 0;

  // true: the guest's registers are saved in SwitcherFrame.
  // false: the vCPU was interrupted inside the switcher.
  bool registers_in_frame_ = false;
  bool bad_directory_ = false;
  AcceleratedGate system_call_;
  bool system_calls_exit_ = false;  // to the host, whatever `system_call_` says
  uint32_t page_offset_ = 0;
  uint64_t exits_ = 0;

  KickTimer switcher_timer_;  // runs while registers_in_frame_ is false
  std::atomic<bool> kicked_ = false;
  pid_t thread_ = 0;                       // that calls Run()
  std::atomic<pid_t> running_thread_ = 0;  // the thread inside KVM_RUN; 0: none
};

}  // namespace lguest::hostsim

#endif  // HOSTSIM_KVM_KVM_VCPU_H_
