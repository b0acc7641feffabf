#include "hostsim/kvm/kvm_vcpu.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "hostsim/i386/constants.h"
#include "hostsim/kvm/guest_cpuid.h"
#include "hostsim/kvm/kick_signal.h"
#include "hostsim/kvm/vcpu_state.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/shared_pages.h"

namespace lguest::hostsim {
namespace {

// struct kvm_cpuid2 with room for entries, and its two ioctls. The kernel's header encodes the size
// of kvm_cpuid2 in the ioctl numbers, and this size differs between C and C++.
struct CpuidTable {
  static constexpr uint32_t kMaxEntries = 256;
  uint32_t count = 0;
  uint32_t padding = 0;
  std::array<kvm_cpuid_entry2, kMaxEntries> entries = {};
};
constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, uint64_t);
constexpr unsigned long kSetCpuid = _IOW(KVMIO, 0x90, uint64_t);

// True if the trap is the #GP of an `int n` that the DPL of the gate forbids. The error code names
// the gate, and %eip is that of the `int n`.
bool IsForbiddenInt(const SwitcherFrame& frame) {
  return frame.vector == kGeneralProtection && IsIdtErrorCode(frame.error_code);
}

uint32_t* GeneralRegister(SwitcherFrame& frame, Register reg) {
  switch (reg) {
    case Register::kEax:
      return &frame.eax;
    case Register::kEcx:
      return &frame.ecx;
    case Register::kEdx:
      return &frame.edx;
    case Register::kEbx:
      return &frame.ebx;
    case Register::kEsp:
      return &frame.esp;
    case Register::kEbp:
      return &frame.ebp;
    case Register::kEsi:
      return &frame.esi;
    case Register::kEdi:
      return &frame.edi;
    case Register::kEip:
      return &frame.eip;
    case Register::kEflags:
      return &frame.eflags;
    case Register::kCs:
      return &frame.cs;
    case Register::kSs:
      return &frame.ss;
    default:
      return nullptr;
  }
}

// The index of a segment register in SwitcherState::segments.
size_t SwitcherSegmentIndex(Register reg) {
  return reg == Register::kEs ? 1 : reg == Register::kFs ? 2 : reg == Register::kGs ? 3 : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvmVcpu>> KvmVcpu::Create(KvmMachine machine, GuestMemory& memory) {
  if (memory.size() > kHostAreaStart) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u bytes of guest memory overlap the host area, which starts at 0x%x",
                        memory.size(), kHostAreaStart));
  }
  std::unique_ptr<KvmVcpu> cpu(new KvmVcpu(std::move(machine), memory));
  RETURN_IF_ERROR(cpu->Open());
  return cpu;
}

KvmVcpu::~KvmVcpu() {
  if (run_ != nullptr) munmap(run_, run_size_);
}

absl::Status KvmVcpu::Open() {
  PrepareKickSignal();
  absl::StatusOr<std::unique_ptr<Switcher>> switcher = Switcher::Create();
  RETURN_IF_ERROR(switcher.status());
  switcher_ = *std::move(switcher);

  RETURN_IF_ERROR(AddMemory(0, 0, memory_.base(), memory_.size()));
  RETURN_IF_ERROR(AddMemory(1, SWITCHER_CODE, switcher_->memory(), Switcher::kSize));

  const absl::StatusOr<int> size =
      machine_.device.Ioctl(KVM_GET_VCPU_MMAP_SIZE, 0ul, "KVM_GET_VCPU_MMAP_SIZE");
  RETURN_IF_ERROR(size.status());
  run_size_ = static_cast<size_t>(*size);
  void* const run =
      mmap(nullptr, run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, machine_.vcpu.get(), 0);
  if (run == MAP_FAILED) return ErrnoStatus("mapping a virtual CPU's state");
  run_ = static_cast<kvm_run*>(run);
  return SetCpuid();
}

absl::Status KvmVcpu::AddMemory(uint32_t slot, uint32_t guest_address, void* memory,
                                uint32_t size) {
  kvm_userspace_memory_region region = {};
  region.slot = slot;
  region.guest_phys_addr = guest_address;
  region.memory_size = size;
  region.userspace_addr = reinterpret_cast<uintptr_t>(memory);
  return machine_.vm.Ioctl(KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION")
      .status();
}

absl::Status KvmVcpu::SetCpuid() {
  CpuidTable table = {.count = CpuidTable::kMaxEntries};
  RETURN_IF_ERROR(
      machine_.device.Ioctl(kGetSupportedCpuid, &table, "KVM_GET_SUPPORTED_CPUID").status());
  const std::vector<kvm_cpuid_entry2> shown =
      FilterCpuid(std::span(table.entries).first(std::min(table.count, CpuidTable::kMaxEntries)));
  table.count = static_cast<uint32_t>(shown.size());
  std::copy(shown.begin(), shown.end(), table.entries.begin());
  return machine_.vcpu.Ioctl(kSetCpuid, &table, "KVM_SET_CPUID2").status();
}

absl::Status KvmVcpu::Start(GuestPhys page_directory, uint32_t page_offset) {
  if (!memory_.Contains(GuestPhys(PageAlignDown(page_directory.value())), kPageSize)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "page directory at 0x%08x lies outside guest memory", page_directory.value()));
  }
  SwitcherState& state = switcher_->state();
  state.page_offset = page_offset;
  state.memory_size = memory_.size();
  state.cr0 = kCr0;
  switcher_->frame() = {};
  SetPageDirectory(page_directory);
  page_offset_ = page_offset;
  for (int i = 0; i <= static_cast<int>(Register::kGs); ++i) Set(static_cast<Register>(i), 0);
  registers_in_frame_ = true;
  thread_ = gettid();
  RETURN_IF_ERROR(switcher_timer_.Create());
  return SetRing0State(machine_.vcpu, state.directory);
}

absl::StatusOr<Vcpu::Stop> KvmVcpu::Run(TrapHandler& handler) {
  while (true) {
    // The order of these two lines matters, so that no kick is lost:
    //   Kick():  kicked_ = true;        immediate_exit = 1;
    //   here:    immediate_exit = 0;    if (kicked_) return;
    std::atomic_ref(run_->immediate_exit).store(0);
    if (registers_in_frame_ && kicked_.exchange(false)) return Stop::kKicked;
    const absl::StatusOr<std::optional<Trap>> stopped = RunOnce();
    RETURN_IF_ERROR(stopped.status());
    const std::optional<Trap>& trap = *stopped;
    if (trap.has_value() && !handler.OnTrap(*trap)) return Stop::kHandler;
  }
}

absl::StatusOr<std::optional<Trap>> KvmVcpu::RunOnce() {
  if (bad_directory_) return Trap{.kind = Trap::Kind::kBadPageDirectoryEntry};
  // If a kick interrupted the switcher, let KVM exit as soon as guest code runs with interrupts on.
  run_->request_interrupt_window = registers_in_frame_ ? 0 : 1;
  ++exits_;
  running_thread_.store(thread_);
  const int error = ioctl(machine_.vcpu.get(), KVM_RUN, 0) < 0 ? errno : 0;
  running_thread_.store(0);

  if (error == EINTR || error == EAGAIN) return HandleInterruption();
  // KVM reports a page that it cannot read by an error, not by a signal.
  if (error == EFAULT && SharedPages::Repair()) return HandleInterruption();
  if (error != 0) return absl::ErrnoToStatus(error, "KVM_RUN");
  if (run_->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN) return HandleInterruption();
  switcher_timer_.Stop();
  registers_in_frame_ = true;
  if (run_->exit_reason == KVM_EXIT_IO && run_->io.port == SWITCHER_PORT) return TrapFromFrame();
  return UnexpectedExit();
}

absl::StatusOr<std::optional<Trap>> KvmVcpu::HandleInterruption() {
  // Interrupts are on in guest code and off in the switcher. So the vCPU is between two
  // instructions of the guest.
  if (run_->ready_for_interrupt_injection != 0) {
    RETURN_IF_ERROR(MoveToSwitcher(machine_.vcpu, *switcher_));
    MaskEflags();
    registers_in_frame_ = true;
  } else {
    const absl::StatusOr<bool> about_to_resume = IsAboutToResume(machine_.vcpu);
    RETURN_IF_ERROR(about_to_resume.status());
    registers_in_frame_ = *about_to_resume;  // then the vCPU has not executed anything
    if (!registers_in_frame_) {
      ASSIGN_OR_RETURN(const bool expired, switcher_timer_.ArmOrExpire());
      if (expired) return Trap{.kind = Trap::Kind::kHostAreaDamaged};
    }
  }
  if (registers_in_frame_) switcher_timer_.Stop();
  return std::nullopt;
}

// Clears all other flags. The guest can write to the frame, and an emulated processor may push
// wrong flags.
void KvmVcpu::MaskEflags() {
  SwitcherFrame& frame = switcher_->frame();
  frame.eflags = (frame.eflags & kEflagsGuest) | kEflagsFixed;
}

Trap KvmVcpu::TrapFromFrame() {
  SwitcherFrame& frame = switcher_->frame();
  MaskEflags();
  if (frame.vector >= kExceptionVectors || (frame.cs & 3) == 0) {
    return {.kind = Trap::Kind::kHostAreaDamaged};
  }
  Trap trap = {.vector = static_cast<uint8_t>(frame.vector),
               .error_code = frame.error_code,
               .cr2 = switcher_->state().cr2};
  if (frame.vector == kHypercallVector) {
    trap.kind = Trap::Kind::kSoftwareInterrupt;
  } else if (IsForbiddenInt(frame)) {
    trap.kind = Trap::Kind::kSoftwareInterrupt;
    trap.vector = static_cast<uint8_t>(frame.error_code >> 3);
    trap.error_code = 0;
    frame.eip += SoftwareInterruptLength(trap.vector);
  }
  return trap;
}

absl::StatusOr<Trap> KvmVcpu::UnexpectedExit() const {
  switch (run_->exit_reason) {
    case KVM_EXIT_MMIO:  // an access to a guest-physical address without memory
      return Trap{.kind = Trap::Kind::kBadPageTableEntry};
    case KVM_EXIT_FAIL_ENTRY:
      return absl::InternalError(
          absl::StrFormat("KVM: the processor cannot enter the guest, reason 0x%x",
                          run_->fail_entry.hardware_entry_failure_reason));
    case KVM_EXIT_INTERNAL_ERROR:
      return absl::InternalError(absl::StrFormat("KVM: the kernel cannot go on, internal error %u",
                                                 run_->internal.suberror));
    default:
      break;
  }
  // No other exit is possible unless the guest has overwritten the switcher or its mapping.
  const GuestPhys last_entry(page_directory().value() +
                             kHostDirectoryEntry * uint32_t{sizeof(uint32_t)});
  const absl::StatusOr<uint32_t> entry = memory_.Read<uint32_t>(last_entry);
  if (!switcher_->IsIntact() || !entry.ok() || *entry != Switcher::kDirectoryEntry) {
    return Trap{.kind = Trap::Kind::kHostAreaDamaged};
  }
  return absl::InternalError(absl::StrFormat(
      "KVM: unexpected exit, reason %u%s", run_->exit_reason,
      run_->exit_reason == KVM_EXIT_SHUTDOWN ? " (the virtual processor has shut down)" : ""));
}

void KvmVcpu::Kick() {
  kicked_.store(true);
  std::atomic_ref(run_->immediate_exit).store(1);
  if (const pid_t thread = running_thread_.load(); thread != 0) SendKickSignal(thread);
}

uint32_t KvmVcpu::Get(Register reg) const {
  if (const uint32_t* found = GeneralRegister(switcher_->frame(), reg)) {
    return reg == Register::kCs || reg == Register::kSs ? *found & 0xffff : *found;
  }
  return switcher_->state().segments[SwitcherSegmentIndex(reg)] & 0xffff;
}

void KvmVcpu::Set(Register reg, uint32_t value) {
  if (reg == Register::kCs || reg == Register::kSs) {
    // The guest never runs at ring 0, even with an RPL of 0.
    value &= 0xffff;
    if ((value & 3) == 0) value |= 1;
  }
  if (uint32_t* found = GeneralRegister(switcher_->frame(), reg)) {
    *found = value;
    MaskEflags();
    return;
  }
  switcher_->state().segments[SwitcherSegmentIndex(reg)] = value & 0xffff;
  switcher_->state().reload |= RELOAD_SEGMENTS;
}

void KvmVcpu::SetGdt(std::span<const uint64_t, kGdtEntries> gdt) { switcher_->SetGdt(gdt); }

void KvmVcpu::SetTaskSwitched(bool on) {
  SwitcherState& state = switcher_->state();
  state.cr0 = on ? kCr0 | kCr0TaskSwitched : kCr0;
  state.reload |= RELOAD_CR0;
}

void KvmVcpu::SetPageDirectory(GuestPhys page_directory) {
  const uint32_t page = PageAlignDown(page_directory.value());
  const GuestPhys last_entry(page + kHostDirectoryEntry * uint32_t{sizeof(uint32_t)});
  bad_directory_ = !memory_.Write(last_entry, Switcher::kDirectoryEntry).ok();
  switcher_->state().directory = page;
  FlushTlb();
}

void KvmVcpu::FlushTlb() { switcher_->state().reload |= RELOAD_TLB; }

void KvmVcpu::FlushPage(GuestPhys directory, GuestVirt page) {
  // All directories share the kernel's page tables. User pages belong to one directory.
  if (directory == page_directory() || page.value() >= page_offset_) FlushTlb();
}

void KvmVcpu::FlushDirectoryEntry(GuestPhys directory, uint32_t index) {
  if (directory == page_directory() || index >= page_offset_ >> 22) FlushTlb();
}

void KvmVcpu::SetPolicy(const AcceleratorPolicy& policy) {
  switcher_->MapLguestData(policy.lguest_data, memory_.size());
  for (uint32_t vector = 0; vector < kExceptionVectors; ++vector) {
    switcher_->SetException(vector, policy.exceptions[vector]);
  }
  system_call_ = policy.system_call;
  switcher_->SetSystemCall(system_call_);
  system_calls_exit_ = false;
}

void KvmVcpu::SetState(const AcceleratorState& state, bool irq_pending) {
  // A guest runs user code with interrupts on. So if an interrupt waits, the next system call is a
  // moment at which it can be delivered, which a retry at fixed times may miss again and again.
  if (irq_pending != system_calls_exit_) {
    switcher_->SetSystemCall(irq_pending ? AcceleratedGate() : system_call_);
    system_calls_exit_ = irq_pending;
  }
  // SetTaskSwitched() and SetGdt() have already set the other fields of `state`.
  switcher_->SetKernelStack(state.kernel_ss, state.kernel_esp);
  switcher_->state().next_ring_slot = state.next_ring_slot;
}

std::optional<AcceleratorState> KvmVcpu::TakeState() {
  AcceleratorState state = {.kernel_ss = switcher_->kernel_ss(),
                            .kernel_esp = switcher_->kernel_esp(),
                            .task_switched = (switcher_->state().cr0 & kCr0TaskSwitched) != 0,
                            .next_ring_slot = switcher_->state().next_ring_slot};
  for (uint32_t i = 0; i < kTlsEntries; ++i) {
    state.tls[i] = switcher_->Descriptor(kTlsFirstEntry + i);
  }
  return state;
}

}  // namespace lguest::hostsim
